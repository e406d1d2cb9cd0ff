import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { messageOf, systemCode } from './embedded/errors.js';
import type { Logger } from './logger.js';
import { projectRoot } from './project-root.js';

type MigrationErrorCode =
  /** The database can't be reached or refuses the credentials. */
  | 'database_unreachable'
  /** Prisma could not apply the migrations. */
  | 'migration_failed';

/** The database could not be brought up to date; the message contains no password. */
export class MigrationError extends Error {
  constructor(
    readonly code: MigrationErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'MigrationError';
  }
}

const ATTEMPTS = 5;
const DEADLINE_MS = 10 * 60_000;
/** Another hive is migrating: Prisma waits 10 s for the advisory lock, then gives up. */
const LOCKED = /P1002|advisory lock|lock timeout/i;

/**
 * Applies the migrations in prisma/migrations that the database does not have yet, and creates the database if needed.
 * Several hives may do this at the same time. Costs one query if there is nothing to do.
 * @throws {MigrationError}
 */
export async function applyMigrations(databaseUrl: string, logger: Logger): Promise<void> {
  const root = projectRoot();
  const wanted = migrationNames(root);
  for (let attempt = 1; ; attempt++) {
    const applied = await appliedMigrations(databaseUrl);
    const pending = wanted.filter((name) => !applied.has(name));
    if (pending.length === 0) return;
    logger.info({ pending }, 'applying database migrations');
    const { code, output } = await deploy(root, databaseUrl);
    if (code === 0) return;
    if (attempt === ATTEMPTS || !LOCKED.test(output)) {
      throw new MigrationError(
        'migration_failed',
        `database migrations failed: ${withoutSecrets(output, databaseUrl)}`,
      );
    }
    logger.info('another hive is applying migrations; waiting for it');
    await sleep(1000 * attempt);
  }
}

function migrationNames(root: string): string[] {
  const folders = readdirSync(join(root, 'prisma', 'migrations'), { withFileTypes: true });
  return folders.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
}

async function appliedMigrations(databaseUrl: string): Promise<Set<string>> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ migration_name: string }>(
      'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
    );
    return new Set(rows.map((row) => row.migration_name));
  } catch (error) {
    const code = systemCode(error);
    // 3D000: no such database, 42P01: no such table; Prisma creates both
    if (code === '3D000' || code === '42P01') return new Set();
    const { hostname, port } = new URL(databaseUrl);
    const why = withoutSecrets(messageOf(error), databaseUrl);
    throw new MigrationError(
      'database_unreachable',
      `PostgreSQL at ${hostname}:${port || 5432} can't be used: ${why}; check DATABASE_URL and that the server runs`,
      { cause: error },
    );
  } finally {
    await client.end();
  }
}

function deploy(root: string, databaseUrl: string): Promise<{ code: number | null; output: string }> {
  const cli = join(dirname(createRequire(import.meta.url).resolve('prisma/package.json')), 'build', 'index.js');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, 'migrate', 'deploy'], {
      cwd: root,
      env: {
        ...process.env,
        DATABASE_URL: databaseUrl,
        CHECKPOINT_DISABLE: '1',
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        NO_COLOR: '1',
        NODE_OPTIONS: '',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: DEADLINE_MS,
    });
    let output = '';
    const collect = (chunk: string) => {
      output = (output + chunk).slice(-10_000);
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output: output.trim() }));
  });
}

function withoutSecrets(text: string, databaseUrl: string): string {
  const { password } = new URL(databaseUrl);
  const secrets = [databaseUrl, password, decodeURIComponent(password)].filter((secret) => secret !== '');
  return secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, '[redacted]'), text);
}
