import type { OutputMask } from '../masking/output-mask.js';
import type { Store } from '../store/open.js';
import type { NewAttempt, NewExecution } from '../store/recorded.js';

export interface RecordingOptions {
  attempt: NewAttempt;
  execution: NewExecution;
  /** Where the store is; undefined if there can be none. */
  dataDir: string | undefined;
  /** Called when it has begun, also if the disk is full at the moment. */
  begun?: () => void;
  /** Says one sentence to the person at the terminal. */
  warn: (sentence: string) => void;
  /** The command's output should not be read until `resume`. */
  pause: () => void;
  resume: () => void;
  /** The output comes from a pseudo-terminal. @default false */
  terminal?: boolean;
  mask?: OutputMask;
  /** For tests: opens the store, and absorbs without a thread. @default openForRecording, in a thread */
  open?: () => Store;
  /** @default 8 MiB */
  bufferBytes?: number;
  /** @default 1 GiB */
  backlogBytes?: number;
  /** @default 3000 */
  finishMs?: number;
  /** @default 30000 */
  busyMs?: number;
}
