import type { ComponentChildren } from 'preact';
import type { ExplainMissing } from './log-gap.js';
import type { MissingLines } from './log-rows.js';
import type { Execution } from './log-toolbar.js';

export interface LogViewProps {
  attemptId: string;
  /** As the API gives them. */
  executions: readonly Execution[];
  /** The one that is shown. */
  executionId: string;
  onExecution: (id: string) => void;
  /** Of the attempt: `sync.missing`. */
  missing: readonly MissingLines[];
  /** What the page knows of missing lines. Without it, the API's explanation is shown. */
  explainMissing?: ExplainMissing | undefined;
  /** More for the tool bar. */
  tools?: ComponentChildren;
}
