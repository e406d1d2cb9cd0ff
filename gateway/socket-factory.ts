/** Creates a node's socket for the protocol version that the node speaks. */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Database } from '../prisma/database.js';
import { PROTOCOL_VERSION } from '../protocol/limits.js';
import { PROTOCOL_V1 } from '../protocol/v1/frames.js';
import type { LoginSession, NodeSocket, SocketEvents } from './node-socket.js';
import { LargeMessages } from './v1/large-messages.js';
import { OpAcks } from './v1/op-acks.js';
import { SocketV1 } from './v1/socket.js';
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
}

export type CreateSocket = (version: SpokenVersion, ws: WebSocket, tcp: Socket, session: LoginSession) => NodeSocket;

/** @returns the factory for one hive process, whose sockets share the limits that hold for the whole process */
export function createSocketFactory(deps: SocketFactoryDeps): CreateSocket {
  const v1 = { ...deps, largeMessages: new LargeMessages(), opAcks: new OpAcks() };
  const v2 = { ...deps, livePages: new LivePageWriter(deps.database, deps.logger) };
  return (version, ws, tcp, session) =>
    version === PROTOCOL_V1 ? new SocketV1(ws, tcp, session, v1) : new SocketV2(ws, tcp, session, v2);
}
