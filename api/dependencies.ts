import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import type { Backfills } from '../backfills/requests.js';
import type { OidcVerifier } from './oidc.js';

/** Whether the services behind the API work. */
export interface ServicesHealth {
  temporal: boolean;
  workers: boolean;
}

/** What the HTTP API needs of the process that serves it. */
export interface AppDependencies {
  database: Database;
  backfills: Backfills;
  logger: Logger;
  /** Accepts tokens of an OpenID Connect issuer besides the hive's own. @default none */
  oidc?: OidcVerifier;
  /** Whether Temporal answers and the workers run; asked by /readyz. */
  health: () => ServicesHealth | Promise<ServicesHealth>;
  /** Aborted when the process stops: ends open streams and waiting reads. */
  stopping?: AbortSignal;
  /** Where clients reach the API; shown in the OpenAPI document. */
  publicUrl?: string;
  /** Address of a workflow in the Temporal UI, shown to admins. @default none */
  workflowUrl?: (workflowId: string, runId?: string) => string | null;
  /** Origins whose scripts may call the API from a browser. @default none */
  corsOrigins?: string[];
  /** Express' `trust proxy`: how many proxies' X-Forwarded-For to believe. @default 0 */
  trustedProxies?: number;
  limits?: Partial<Limits>;
}

export interface Limits {
  /** Requests a minute of one credential. @default 6000 */
  requestsPerMinute: number;
  /** Refused credentials a minute from one address; further ones get 429 instead of 401. @default 300 */
  failedLoginsPerMinute: number;
  /** Reads that wait for a backfill; further ones answer at once. @default 1000 */
  waitingReads: number;
  /** Open log streams of this process. @default 2000 */
  streams: number;
  /** A stream whose reader takes nothing for so long is cut off. @default 30_000 @format ms */
  streamStallMs: number;
  /** A stream without lines sends a comment so often. @default 15_000 @format ms */
  streamHeartbeatMs: number;
  /** How often the stored positions of followed attempts are looked at. @default 250 @format ms */
  followIntervalMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  requestsPerMinute: 6000,
  failedLoginsPerMinute: 300,
  waitingReads: 1000,
  streams: 2000,
  streamStallMs: 30_000,
  streamHeartbeatMs: 15_000,
  followIntervalMs: 250,
};
