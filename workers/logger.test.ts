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
