import type { Command } from 'commander';

/** A `hive` command before it is loaded. */
export interface Entry {
  name: string;
  /** The beginning of the command's own description. */
  summary: string;
  /** The heading under which it is listed. */
  group: string;
  /** @default false */
  isHidden?: true;
  load: () => Promise<Command>;
}
