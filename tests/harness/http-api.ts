/** An API on a database of its own, for tests, with two organisations and their tokens. */
import { randomUUID } from 'node:crypto';
import type { Express } from 'express';
import { pino, type Logger } from 'pino';
import request from 'supertest';
import { openDatabase } from '../../prisma/client.js';
import { createApiToken } from '../../prisma/queries/api-token.js';
import { ensureOrganization } from '../../prisma/queries/organization.js';
import { createTestDatabase } from './database.js';
import type { Backfills } from '../../backfills/for-readers.js';
import { createApp } from '../../api/app.js';
import type { AppDependencies } from '../../api/dependencies.js';
import type { Database } from '../../prisma/database.js';

export interface TestOrganization {
  id: string;
  admin: string;
  viewer: string;
}

export interface TestHive {
  app: Express;
  database: Database;
  logger: Logger;
  own: TestOrganization;
  foreign: TestOrganization;
  /** The API's log, as JSON lines. */
  logged: string[];
  get(path: string, token?: string): request.Test;
  close(): Promise<void>;
}

/** Backfills that do nothing; tests replace the ones that matter to them. */
export const NO_BACKFILLS: Backfills = {
  workflowIdOf: (attemptId) => `backfill/${attemptId}`,
  requestByRead: () => Promise.resolve('nothing'),
  expedite: () => undefined,
  start: () => Promise.resolve({ workflowId: 'backfill/x', runId: randomUUID(), joined: false }),
  cancel: () => Promise.resolve(false),
  describe: () => Promise.resolve(undefined),
  list: () => Promise.resolve({ backfills: [], nextPageToken: null }),
};

/** What a busy hive leaves undone to answer in time, it does in a test: however busy the machine is, the answer is whole. */
const PATIENT = { catchUpMs: 60_000, searchMs: 60_000 };

/** @param given also as a function of the database's URL */
export async function startTestHive(
  given: Partial<AppDependencies> | ((databaseUrl: string) => Partial<AppDependencies>) = {},
): Promise<TestHive> {
  const created = await createTestDatabase();
  const overrides = typeof given === 'function' ? given(created.url) : given;
  const database = openDatabase(created.url, 5);
  const logged: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) });
  const app = createApp({
    database,
    backfills: NO_BACKFILLS,
    logger,
    health: () => ({ temporal: true, workers: true }),
    workflowUrl: (workflowId) => `http://temporal.test/${workflowId}`,
    ...overrides,
    limits: { ...PATIENT, ...overrides.limits },
  });
  const own = await createOrganization(database, 'own');
  const foreign = await createOrganization(database, 'foreign');
  return {
    app,
    database,
    logger,
    own,
    foreign,
    logged,
    get: (path, token = own.viewer) => request(app).get(path).set('authorization', `Bearer ${token}`),
    async close() {
      await database.$disconnect();
      await created.drop();
    },
  };
}

async function createOrganization(database: Database, name: string): Promise<TestOrganization> {
  const { id } = await ensureOrganization(database, name);
  const token = async (role: 'admin' | 'viewer') =>
    (await createApiToken(database, { organizationId: id, name: role, role })).secret;
  return { id, admin: await token('admin'), viewer: await token('viewer') };
}
