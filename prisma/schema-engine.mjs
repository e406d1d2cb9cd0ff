#!/usr/bin/env node
// Prisma's schema engine compiled to WebAssembly, behind the command line and stdio JSON-RPC
// that the Prisma CLI speaks to the native binary it would otherwise download.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg';

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

function logError(message, errorCode) {
  console.error(
    JSON.stringify({ level: 'ERROR', target: 'schema_engine::logger', fields: { message, error_code: errorCode } }),
  );
}

// `schema-engine cli can-connect-to-database | create-database`
async function databaseCommand(command) {
  const target = new URL(url);
  const name = decodeURIComponent(target.pathname.slice(1));
  if (command === 'create-database') target.pathname = '/postgres';
  const client = new pg.Client({ connectionString: target.href });
  await client.connect();
  if (command === 'create-database') await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  await client.end();
}

// adapter-pg, made fit for migrations. Three things it gets wrong for them:
// Postgres' catalogs use the internal type "char" (oid 18), for which it has no mapping while the engine expects Character;
// scripts are split at every semicolon, also within a function body; a shadow database is ignored when the url names another.
const CHAR_OID = 18,
  TEXT_OID = 25;
class MigrationPg extends PrismaPg {
  async connect() {
    const adapter = await super.connect();
    const charColumns = new WeakMap();
    const { performIO, queryRaw } = adapter;
    adapter.performIO = async (query) => {
      const result = await performIO.call(adapter, query);
      charColumns.set(
        result.rows,
        result.fields.flatMap((field, i) => (field.dataTypeID === CHAR_OID ? [i] : [])),
      );
      for (const i of charColumns.get(result.rows)) result.fields[i].dataTypeID = TEXT_OID;
      return result;
    };
    adapter.queryRaw = async (query) => {
      const result = await queryRaw.call(adapter, query);
      for (const i of charColumns.get(result.rows)) result.columnTypes[i] = ColumnTypeEnum.Character;
      return result;
    };
    adapter.executeScript = async (script) => {
      await adapter.client.query(script).catch((error) => adapter.onError(error));
    };
    return adapter;
  }

  async connectToShadowDb() {
    const main = await this.connect();
    const name = `prisma_migrate_shadow_db_${randomUUID()}`;
    await main.executeScript(`CREATE DATABASE "${name}"`);
    const target = new URL(url);
    target.pathname = `/${name}`;
    const shadow = await new MigrationPg({ connectionString: target.href }).connect();
    const dispose = shadow.dispose.bind(shadow);
    shadow.dispose = async () => {
      await dispose();
      await main.executeScript(`DROP DATABASE "${name}"`);
      await main.dispose();
    };
    return shadow;
  }
}

async function startEngine() {
  const wasm = new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm'));
  const { instance } = await WebAssembly.instantiate(await readFile(fileURLToPath(wasm)), {
    './schema_engine_bg.js': glue,
  });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => logError(message) };
  const datamodels =
    options.datamodels &&
    (await Promise.all(options.datamodels.map(async (file) => [file, await readFile(file, 'utf8')])));
  const adapter = bindMigrationAwareSqlAdapterFactory(new MigrationPg({ connectionString: url }));
  return glue.SchemaEngine.new({ datamodels }, (line) => console.error(line), adapter);
}

if (positionals[0] === 'cli') {
  await databaseCommand(positionals[1]).catch((error) => {
    console.error('');
    logError(error.message, error.code === '3D000' ? 'P1003' : 'P1001');
    process.exitCode = 1;
  });
} else {
  let engine;
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, method, params } = JSON.parse(line);
    const reply = (body) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...body })}\n`);
    try {
      engine ??= await startEngine();
      const result = (await engine[method === 'getDatabaseVersion' ? 'version' : method](params)) ?? null;
      if (result?.stdout)
        process.stdout.write(
          `${JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'print', params: { content: result.stdout } })}\n`,
        );
      reply({ result });
    } catch (error) {
      reply({
        error: {
          code: 4466,
          message: error.message,
          data: { is_panic: false, message: error.message, error_code: error.code ?? null, meta: null },
        },
      });
    }
  }
  process.exit();
}
