import { expect, test } from '@jest/globals';
import { createLogger } from './logger.js';

test('credentials are redacted wherever they are nested, and lines are JSON', () => {
  const lines: string[] = [];
  const logger = createLogger({ logLevel: 'info', instanceId: 'hive-1' }, { write: (line) => lines.push(line) });
  logger.info({ req: { headers: { authorization: 'Bearer sesame', host: 'h' } }, api_key: 'sesame' }, 'asked');
  logger.debug('not shown');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    instance: 'hive-1',
    msg: 'asked',
    api_key: '[redacted]',
    req: { headers: { authorization: '[redacted]', host: 'h' } },
  });
});

test('an error that refers to its connection is logged with its reason, and so are its causes', () => {
  const lines: string[] = [];
  const logger = createLogger({ logLevel: 'info', instanceId: 'test' }, { write: (line) => void lines.push(line) });
  const connection = {};
  Object.defineProperty(connection, 'itself', { enumerable: true, get: () => raise() });
  const cause = Object.assign(new Error('14 UNAVAILABLE: no connection'), { code: 14, connection });
  logger.error({ err: new Error('Temporal is away', { cause }) }, 'failed');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    err: { message: 'Temporal is away', cause: { message: '14 UNAVAILABLE: no connection', code: 14 } },
  });
});

test('what nodes call themselves can not touch the terminal that shows the log', () => {
  const lines: string[] = [];
  const logger = createLogger({ logLevel: 'info', instanceId: 'test' }, { write: (line) => void lines.push(line) });
  const name = 'a\u001b[2J\u009b31m\u202e\u200f\nb';
  logger.info({ node: name }, name);
  expect(lines[0]?.trimEnd()).not.toMatch(/[\p{Cc}\u202e\u200f]/u);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ node: name, msg: name });
});

function raise(): never {
  throw new Error('cannot be read');
}
