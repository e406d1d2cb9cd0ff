import { pino, type DestinationStream, type Logger } from 'pino';
import { serializeError } from '../api/error-serializer.js';
import { printableLines } from '../protocol/printable.js';
import type { HiveConfig } from './config.js';

export type { Logger } from 'pino';

const SECRET_FIELDS = ['authorization', 'cookie', 'api_key', 'apiKey', 'secret', 'token', 'password'];
const DEPTHS = ['', '*.', '*.*.', '*.*.*.'];

/**
 * The hive's log: one JSON object per line, on standard output unless another destination is given. Credentials appear
 * as [redacted]: fields are redacted by name, four levels deep. Never put a secret into a message.
 */
export function createLogger(
  config: Pick<HiveConfig, 'logLevel' | 'instanceId'>,
  destination: DestinationStream = pino.destination(1),
): Logger {
  return pino(
    {
      level: config.logLevel,
      base: { instance: config.instanceId },
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: { streamWrite: printableLines }, // JSON escapes fewer characters than terminals obey
      serializers: { err: serializeError },
      redact: {
        paths: DEPTHS.flatMap((depth) => SECRET_FIELDS.map((field) => depth + field)),
        censor: '[redacted]',
      },
    },
    destination,
  );
}
