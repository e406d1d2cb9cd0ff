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
const HEAD = '// Generated from the OpenAPI document by `npm run generate`. A test checks that it is up to date.\n';

test("the client's types match the API's OpenAPI document", async () => {
  const database = openDatabase('postgresql://nobody@127.0.0.1:1/none'); // the document needs no database
  const app = createApp({
    database,
    backfills: NO_BACKFILLS,
    logger: pino({ level: 'silent' }),
    health: () => ({ temporal: true, workers: true }),
  });
  const { text } = await request(app).get('/openapi.json');
  const types = HEAD + astToString(await openapiTypescript(text));
  if (process.env['UPDATE_CLIENT'] === '1') await writeFile(FILE, types);
  // compared here, because a diff of thousands of lines says less than what to do
  expect(types === (await readFile(FILE, 'utf8')) ? 'up to date' : 'stale: run npm run generate').toBe('up to date');
  await database.$disconnect();
});
