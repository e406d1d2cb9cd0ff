/** What a recorder says of what it records. */
import type { ExecutionStatus, RunReason } from '../../protocol/frames.js';

export interface NewAttempt {
  id: string;
  title: string | null;
  sharedTaskId: string | null;
  executor: string;
  branch: string;
  containerRef: string | null;
  createdAt: string;
}

export interface Recorder {
  pid: number;
  /** When the process started, in a form only for comparing; '' if that is unknown. */
  started: string;
  /** Whether it has taken the execution's lock (recorder-lock.ts). @default false */
  locks?: boolean;
}

export interface NewExecution {
  id: string;
  runReason: RunReason;
  /** JSON text. */
  executorAction: string | null;
  beforeHeadCommit: string | null;
  pid: number | null;
  startedAt: string;
  /** The process that records it: if that is gone, a running execution was killed. */
  recorder: Recorder;
}

export interface ExecutionEnd {
  status: Exclude<ExecutionStatus, 'running'>;
  exitCode: number | null;
  afterHeadCommit: string | null;
  completedAt: string;
}
