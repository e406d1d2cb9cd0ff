/**
 * An execution's mark, `stored_lines`, belongs to the epoch `stored_epoch`. If the node's log has another epoch by now,
 * the stored lines are not lines of that log and count for nothing. Every fragment is about a row `e` of execution.
 */
import { Prisma } from '../database.js';

const ifPresentEpoch = (counter: Prisma.Sql) =>
  Prisma.sql`CASE WHEN e.stored_epoch = e.log_epoch THEN e.${counter} ELSE 0 END`;

/** How many lines of the node's present epoch are stored: lines 1 to this one. */
export const STORED_LINES = ifPresentEpoch(Prisma.sql`stored_lines`);

/** The stored lines of the present epoch, by output type. */
export const STORED_LINES_OF = {
  stdout: ifPresentEpoch(Prisma.sql`stdout_lines`),
  stderr: ifPresentEpoch(Prisma.sql`stderr_lines`),
  system: ifPresentEpoch(Prisma.sql`system_lines`),
};

/** Condition: every line that the node declares is stored, under the epoch that it declares. */
export const IS_WHOLE = Prisma.sql`(e.stored_epoch = e.log_epoch AND e.stored_lines = e.declared_lines)`;

/** Condition: lines are missing that only a pull brings. While an execution runs, the node pushes what comes next. */
export const NEEDS_PULL = Prisma.sql`(
  e.set_aside_reason IS NULL AND CASE e.status WHEN 'running' THEN e.has_gap ELSE NOT ${IS_WHOLE} END)`;
