import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { testServices } from './services.js';

export interface TestDatabase {
  url: string;
  /** Ends every connection to the database and removes it. */
  drop(): Promise<void>;
}

/** Makes a database for one test: migrated, otherwise empty. Takes about 50 ms. */
export function createTestDatabase(): Promise<TestDatabase> {
  return create(`TEMPLATE ${testServices().template}`);
}

/** Makes a database without any table. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return create('TEMPLATE template0');
}

/** Makes a copy, as from a backup. Connections to the database end; pools open new ones. */
export async function copyDatabase(url: string): Promise<TestDatabase> {
  const name = new URL(url).pathname.slice(1);
  await asSuperuser(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  try {
    // a busy machine may need longer for their end than CREATE DATABASE waits
    await asSuperuser(`SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = '${name}'`);
    return await create(`TEMPLATE ${name}`);
  } finally {
    await asSuperuser(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  }
}

/**
 * Puts a copy in the place of the database, as a restored backup or a failover does. Connections to both end, and pools
 * go on with the copy.
 */
export async function replaceDatabase(url: string, copy: TestDatabase): Promise<void> {
  const [name, copyName] = [url, copy.url].map((address) => new URL(address).pathname.slice(1));
  await asSuperuser(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await asSuperuser(`DROP DATABASE ${name} WITH (FORCE)`);
  await asSuperuser(`ALTER DATABASE ${copyName} RENAME TO ${name}`);
}

async function create(how: string): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await asSuperuser(`CREATE DATABASE ${name} ${how}`);
  const url = new URL(testServices().databaseUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => asSuperuser(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function asSuperuser(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: testServices().databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
