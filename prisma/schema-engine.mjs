#!/usr/bin/env node
// Runs Prisma's schema engine from its npm package (WebAssembly), with the command line and the stdio JSON-RPC of the
// native binary that the Prisma CLI would otherwise download. PostgreSQL only.
//   schema-engine cli can-connect-to-database | create-database   --datasource JSON
//   schema-engine [--datasource JSON] [--datamodels FILE ...]     one JSON-RPC request a line on stdin, one answer on
// stdout
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

/** Type oids of PostgreSQL's catalog. */
const CHAR_OID = 18;
const TEXT_OID = 25;

/** Prisma's code for an error of PostgreSQL's, by SQLSTATE; any other error is "can't reach the server". */
const PRISMA_CODES = { '3D000': 'P1003', '28P01': 'P1000', 28000: 'P1000' };
/** The database exists already, or another process created it at the same moment. */
const DUPLICATE_DATABASE = ['42P04', '23505'];

/**
 * adapter-pg, corrected for migrations. By itself it has no mapping for the catalogs' internal type "char", which the
 * engine expects as Character; it splits scripts at every semicolon, even within a function's body; and it ignores the
 * shadow database if the url names another. It has one connection only, because Prisma's advisory lock belongs to one.
 */
class MigrationPg extends PrismaPg {
  constructor(url, options) {
    super({ ...options, max: 1, idleTimeoutMillis: 0 });
    this.url = url;
  }

  static async to(url) {
    return new MigrationPg(url, await optionsFor(url));
  }

  async connect() {
    const adapter = await super.connect();
    const charColumns = new WeakMap();
    const { performIO, queryRaw } = adapter;
    adapter.performIO = async (query) => {
      const result = await performIO.call(adapter, query);
      const columns = result.fields.flatMap((field, i) => (field.dataTypeID === CHAR_OID ? [i] : []));
      for (const i of columns) result.fields[i].dataTypeID = TEXT_OID;
      charColumns.set(result.rows, columns);
      return result;
    };
    adapter.queryRaw = async (query) => {
      const result = await queryRaw.call(adapter, query);
      for (const i of charColumns.get(result.rows) ?? []) result.columnTypes[i] = ColumnTypeEnum.Character;
      return result;
    };
    adapter.executeScript = async (script) => {
      await adapter
        .underlyingDriver()
        .query(script)
        .catch((error) => adapter.onError(error));
    };
    return adapter;
  }

  async connectToShadowDb() {
    const main = await this.connect();
    const name = `prisma_migrate_shadow_db_${randomUUID()}`;
    const drop = async () => {
      await main.executeScript(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
      await main.dispose();
    };
    await main.executeScript(`CREATE DATABASE "${name}"`);
    try {
      const shadow = await (await MigrationPg.to(withDatabase(this.url, name))).connect();
      const dispose = shadow.dispose.bind(shadow);
      shadow.dispose = async () => {
        await dispose();
        await drop();
      };
      return shadow;
    } catch (error) {
      await drop();
      throw error;
    }
  }
}

/** Connects as the hive does, to the schema that the URL names. */
async function optionsFor(url) {
  const { connectionOptions } = await import('../dist/prisma/connection.js');
  const { parseConnectionUrl } = await import('../dist/prisma/connection-url.js');
  const { schema } = parseConnectionUrl(url);
  return { ...connectionOptions(url), ...(schema && { options: `-c search_path="${schema}"` }) };
}

function withDatabase(url, name) {
  return url.replace(/^([^?]*\/)[^/?]*/, `$1${encodeURIComponent(name)}`);
}

/** Writes to the engine's log, which the CLI reads from stderr. */
function logError(message, errorCode) {
  const fields = { message, error_code: errorCode };
  console.error(JSON.stringify({ level: 'ERROR', target: 'schema_engine::logger', fields }));
}

async function query(url, makeSql) {
  const { Client = pg.Client, ...options } = await optionsFor(url);
  const client = new Client(options);
  await client.connect();
  try {
    await client.query(makeSql(client));
  } finally {
    await client.end();
  }
}

const databaseCommands = {
  'can-connect-to-database': (url) => query(url, () => 'SELECT 1'),
  'create-database': async (url) => {
    const { database: name } = await optionsFor(url);
    const create = (client) => `CREATE DATABASE ${client.escapeIdentifier(name)}`;
    await query(withDatabase(url, 'postgres'), create).catch((error) => {
      if (!DUPLICATE_DATABASE.includes(error.code)) throw error;
    });
  },
};

async function runDatabaseCommand(name, url) {
  const command = databaseCommands[name];
  try {
    if (!command) throw new Error(`schema-engine.mjs has no command ${name}`);
    await command(url);
  } catch (error) {
    // the CLI takes the last line as the error and expects lines before it
    console.error('');
    logError(error.message || error.code || String(error), PRISMA_CODES[error.code] ?? 'P1001');
    process.exitCode = 1;
  }
}

async function startEngine(url, datamodelFiles) {
  const wasm = new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm'));
  const { instance } = await WebAssembly.instantiate(await readFile(fileURLToPath(wasm)), {
    './schema_engine_bg.js': glue,
  });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => logError(message) };
  const datamodels =
    datamodelFiles && (await Promise.all(datamodelFiles.map(async (file) => [file, await readFile(file, 'utf8')])));
  const adapter = bindMigrationAwareSqlAdapterFactory(await MigrationPg.to(url));
  return glue.SchemaEngine.new({ datamodels }, (line) => console.error(line), adapter);
}

function send(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

/** Answers requests one by one until stdin closes. */
async function serveRequests(url, datamodelFiles) {
  let engine;
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, method, params } = JSON.parse(line);
    try {
      engine ??= await startEngine(url, datamodelFiles);
      const result = (await engine[method === 'getDatabaseVersion' ? 'version' : method](params)) ?? null;
      // the native engine prints this itself (migrate diff)
      if (result?.stdout) send({ id: 0, method: 'print', params: { content: result.stdout } });
      send({ id, result });
    } catch (error) {
      const message = error.message || error.code || String(error);
      const data = { is_panic: false, message, error_code: error.code ?? null, meta: null };
      send({ id, error: { code: 4466, message, data } });
    }
  }
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    datasource: { type: 'string' },
    datamodels: { type: 'string', multiple: true },
    'enabled-preview-features': { type: 'string' },
    'extension-types': { type: 'string' },
  },
});
const url = options.datasource && JSON.parse(options.datasource).url;

if (positionals[0] === 'cli') {
  await runDatabaseCommand(positionals[1], url);
} else {
  await serveRequests(url, options.datamodels);
  // the engine's pool would keep the process alive
  process.stdout.write('', () => process.exit());
}
