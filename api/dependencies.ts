import type { Logger } from 'pino';
import type { Database } from '../prisma/database.js';
import type { Backfills } from '../backfills/for-readers.js';
import type { Searcher } from '../search/searcher.js';
import type { OidcVerifier } from './oidc.js';
import type { OidcSignIn } from './session/oidc-sign-in.js';
import type { WorkflowUrl } from './views/backfill.js';

/** Whether the services behind the API work. */
export interface ServicesHealth {
  temporal: boolean;
  workers: boolean;
  /** Why not, for people. */
  reason?: string;
}

/** What the HTTP API needs of the process that serves it. */
export interface AppDependencies {
  database: Database;
  backfills: Backfills;
  logger: Logger;
  /** Where logs are searched. @default in the thread that answers, for tests */
  searcher?: Searcher;
  /** Accepts tokens of an OpenID Connect issuer in addition to the hive's own. @default none */
  oidc?: OidcVerifier;
  /** Signs browsers in to the console at that issuer. @default nobody */
  oidcSignIn?: OidcSignIn;
  /** Whose cookies the console's are: two hives on one host may be of different installations. @default not told apart */
  installationId?: string;
  /** The folder of the built console. @default none: `/` says so */
  consoleFolder?: string;
  /** Of the hive, shown in the console. @default `0.0.0` */
  version?: string;
  /** Whether Temporal responds and the workers run, for /readyz. */
  health: () => ServicesHealth | Promise<ServicesHealth>;
  /** Aborted when the process is going to stop: it still answers, but /readyz sends no new clients to it. */
  leaving?: AbortSignal;
  /** Aborted when the process stops: ends open streams and waiting reads. */
  stopping?: AbortSignal;
  /** Where clients reach the API; shown in the OpenAPI document. @default none */
  publicUrl?: string;
  /** Address of a workflow in the Temporal UI, shown to admins. @default none */
  workflowUrl?: WorkflowUrl;
  /** Origins whose scripts may call the API from a browser. @default none */
  corsOrigins?: string[];
  /** Express's `trust proxy`: how many proxies to trust for X-Forwarded-For. @default 0 */
  trustedProxies?: number;
  /** How long browsers must use https only, by Strict-Transport-Security. @default 0, which is not to say so */
  hstsSeconds?: number;
  /** Whether webhooks may be in the hive's own network. @default false */
  allowsPrivateWebhooks?: boolean;
  limits?: Partial<Limits>;
}

export interface Limits {
  /** Requests per minute with one credential. @default 6000 */
  requestsPerMinute: number;
  /** Refused credentials per minute from one address; further ones get 429 instead of 401. @default 300 */
  failedLoginsPerMinute: number;
  /** Reads that wait for a backfill at the same time; further ones return at once. @default 1000 */
  waitingReads: number;
  /** Open streams of this process, of logs and of the feed. @default 2000 */
  streams: number;
  /** A stream whose reader takes nothing for this long is cut off. @default 30_000 @format ms */
  streamStallMs: number;
  /**
   * How often a stream without new lines sends a comment, and the credential of any long answer is checked again.
   * @default 15_000 @format ms
   */
  streamHeartbeatMs: number;
  /** Searches of this process at the same time; further ones get 429. @default 32 */
  searches: number;
  /** Searches with one credential at the same time; further ones get 429. @default 4 */
  searchesPerCredential: number;
  /** The longest that one answer searches; it then says where to go on. @default 10_000 @format ms */
  searchMs: number;
  /** How often followed attempts are checked for new lines. @default 250 @format ms */
  followIntervalMs: number;
  /**
   * How long a read waits until the feed has what was committed before it; then it is a moment behind.
   * @default 300 @format ms
   */
  catchUpMs: number;
  /**
   * The longest that a read waits for a node to be asked. An answer takes it about a second.
   * @default 5000 @format ms
   */
  lookMs: number;
}

const DEFAULT_LIMITS: Limits = {
  requestsPerMinute: 6000,
  failedLoginsPerMinute: 300,
  waitingReads: 1000,
  streams: 2000,
  streamStallMs: 30_000,
  streamHeartbeatMs: 15_000,
  searches: 32,
  searchesPerCredential: 4,
  searchMs: 10_000,
  followIntervalMs: 250,
  catchUpMs: 300,
  lookMs: 5000,
};

export function limitsOf({ limits }: Pick<AppDependencies, 'limits'>): Limits {
  return { ...DEFAULT_LIMITS, ...limits };
}
