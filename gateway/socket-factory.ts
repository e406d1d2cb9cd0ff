/** Creates a node's socket for the protocol version that the node speaks. */
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Database } from '../prisma/database.js';
import { PROTOCOL_VERSION } from '../protocol/limits.js';
import { PROTOCOL_V1 } from '../protocol/v1/frames.js';
import type { MessageTap } from './message-tap.js';
import type { LoginSession, NodeSocket, SocketEvents } from './node-socket.js';
import { MESSAGE_LIMITS, type LargeMessageLimits } from './v1/large-message-reader.js';
import { LargeMessages } from './v1/large-messages.js';
import { OpAcks } from './v1/op-acks.js';
import type { WatchBounds } from './v1/running-watch.js';
import { SocketV1 } from './v1/socket.js';
import { SweepPace } from './v1/sweep-pace.js';
import { WantedLooks } from './v1/wanted-looks.js';
import { LivePageWriter } from './v2/live-page-writer.js';
import { SocketV2 } from './v2/socket.js';

export type SpokenVersion = typeof PROTOCOL_V1 | typeof PROTOCOL_VERSION;

/** @returns whether the hive speaks the protocol version */
export function isSpoken(version: number): version is SpokenVersion {
  return version === PROTOCOL_V1 || version === PROTOCOL_VERSION;
}

export interface SocketFactoryDeps {
  database: Database;
  logger: Logger;
  events: SocketEvents;
  /** Version 1: when nodes are asked what has ended. @default WATCH_BOUNDS */
  watchBounds?: Partial<WatchBounds>;
  /** Limits of a version 1 node's messages. @default MESSAGE_LIMITS */
  messageLimits?: LargeMessageLimits;
  /** Shares of the memory for large messages. @default LARGE_MESSAGE_LIMITS */
  largeMessages?: LargeMessages;
}

/** @param tap of the socket, which nothing has been diverted from yet */
export type CreateSocket = (
  version: SpokenVersion,
  ws: WebSocket,
  tap: MessageTap,
  session: LoginSession,
) => NodeSocket;

/** @returns the factory for one hive process, whose sockets share the limits that hold for the whole process */
export function createSocketFactory(deps: SocketFactoryDeps): CreateSocket {
  const { messageLimits = MESSAGE_LIMITS, largeMessages = new LargeMessages() } = deps;
  const wantedLooks = new WantedLooks(deps.database, deps.logger);
  const shared = { messageLimits, largeMessages, wantedLooks, sweepPace: new SweepPace(), opAcks: new OpAcks() };
  const v1 = { ...deps, ...shared };
  const v2 = { ...deps, livePages: new LivePageWriter(deps.database, deps.logger) };
  return (version, ws, tap, session) => {
    if (version === PROTOCOL_V1) return new SocketV1(ws, tap, session, v1);
    tap.remove();
    return new SocketV2(ws, tap.tcp, session, v2);
  };
}
