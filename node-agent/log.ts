import { destination, pino, type Logger } from 'pino';
import { printableLines } from '../protocol/printable.js';
import type { LogLevel } from './config.js';

export type { Logger };

/** The node's own log goes to stderr, because stdout belongs to the recorded command and to `--json`. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: null,
      hooks: { streamWrite: printableLines },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    destination({ dest: 2, sync: true }),
  );
}
