/** The attempt, or the execution of one, that somebody means: by its id or the beginning of it. */
import { InvalidArgumentError } from 'commander';
import { bodyOf, type Hive } from './api.js';
import { attemptLabel, shortText, statusText } from './attempt-text.js';
import { readAttempt } from './log-start.js';

const WHOLE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const PREFIX = /^[0-9a-f]{4,8}$|^[0-9a-f]{8}-[0-9a-f-]{0,27}$/;
/** Shown where a beginning is not enough. */
const CANDIDATES = 10;

/** Parses an argument for commander. */
export const attemptArgument = (text: string) => idArgument(text, 'an attempt');
export const executionArgument = (text: string) => idArgument(text, 'an execution');

function idArgument(text: string, what: string): string {
  const id = text.toLowerCase();
  if (WHOLE.test(id) || PREFIX.test(id)) return id;
  throw new InvalidArgumentError(`It must be the id of ${what}, or at least the first 4 characters of one.`);
}

/** @param id as {@link attemptArgument} returns it @throws Error if no attempt has such an id, or several have */
export async function findAttemptId({ api }: Hive, id: string): Promise<string> {
  if (WHOLE.test(id)) return id;
  const query = { id_prefix: id, limit: CANDIDATES + 1 };
  const { attempts } = await bodyOf(api.GET('/v1/swarm/attempts', { params: { query } }));
  const [first, second] = attempts;
  if (!first) throw new Error(`no attempt has an id that begins with ${id}; hive attempts lists them`);
  if (!second) return first.id;
  const candidates = attempts
    .slice(0, CANDIDATES)
    .map((attempt) => `\n  ${attempt.id}  ${statusText(attempt)}  ${attemptLabel(attempt)}`);
  const more = attempts.length > CANDIDATES ? '\n  …' : '';
  throw new Error(`several attempts have an id that begins with ${id}: give more of it${candidates.join('')}${more}`);
}

/**
 * @param id as {@link executionArgument} returns it; undefined if none was named
 * @throws Error if the attempt has no execution with such an id, or several
 */
export async function findExecutionId(
  hive: Hive,
  attemptId: string,
  id: string | undefined,
): Promise<string | undefined> {
  if (id === undefined || WHOLE.test(id)) return id;
  const { executions } = await readAttempt(hive, attemptId);
  const meant = executions.filter((execution) => execution.id.startsWith(id));
  const [first, second] = meant;
  if (!first) throw new Error(`the attempt has no execution with an id that begins with ${id}; hive show lists them`);
  if (!second) return first.id;
  const candidates = meant
    .slice(0, CANDIDATES)
    .map((execution) => `\n  ${execution.id}  ${statusText(execution)}  ${shortText(execution.run_reason)}`);
  throw new Error(`several executions have an id that begins with ${id}: give more of it${candidates.join('')}`);
}
