import { expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import openapiTypescript, { astToString } from 'openapi-typescript';
import { pino } from 'pino';
import request from 'supertest';
import { openDatabase } from '../../prisma/client.js';
import { NO_BACKFILLS } from '../../tests/harness/http-api.js';
import { createApp } from '../app.js';

const FILE = join(import.meta.dirname, 'openapi.d.ts');
const HEAD = '// Made from the OpenAPI document by `npm run generate`; a test holds it to the routes.\n';

test("the client's types are those of the API's document", async () => {
  const database = openDatabase('postgresql://nobody@127.0.0.1:1/none'); // the document needs none
  const app = createApp({
    database,
    backfills: NO_BACKFILLS,
    logger: pino({ level: 'silent' }),
    health: () => ({ temporal: true, workers: true }),
  });
  const { text } = await request(app).get('/openapi.json');
  const types = HEAD + astToString(await openapiTypescript(text));
  if (process.env['UPDATE_CLIENT'] === '1') await writeFile(FILE, types);
  // not toBe: a difference of thousands of lines tells less than what to do
  expect(types === (await readFile(FILE, 'utf8')) ? 'up to date' : 'stale: run npm run generate').toBe('up to date');
  await database.$disconnect();
});
