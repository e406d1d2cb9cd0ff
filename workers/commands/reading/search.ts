import { Command } from 'commander';
import { addHiveOptions, type HiveOptions } from '../hive-access.js';
import { countArgument, ExitCode, UsageError } from '../usage.js';
import { withHive, type Hive } from './api.js';
import { ATTEMPT_OPTIONS, addAttemptOptions, attemptFilters, type AttemptOptions } from './attempt-query.js';
import { attemptArgument, executionArgument, findAttemptId, findExecutionId } from './find-attempt.js';
import { listNodes, namesOf } from './find-node.js';
import { printFoundAttempts } from './found-attempts.js';
import { printFoundLines } from './found-lines.js';

interface Options extends HiveOptions, AttemptOptions {
  ignoreCase?: true;
  regex?: true;
  text?: true;
  context?: number;
  execution?: string;
  stderr?: true;
  limit?: number;
  json?: true;
}

/** Of attempts, or of lines where one attempt is searched. */
const LIMITS = { attempts: 20, lines: 1000 };

export function searchCommand(): Command {
  return addHiveOptions(addAttemptOptions(new Command('search')))
    .description('Find a text in the lines of all attempts, or of one. What is found is printed at once.')
    .argument('<text>', 'what to find: whole words, unless --text or --regex is given or one attempt is searched')
    .argument('[attempt]', 'id of the only attempt to search, or its beginning', attemptArgument)
    .option('-i, --ignore-case', 'in upper or lower case')
    .option('-E, --regex', 'the text is a regular expression (syntax of RE2)')
    .option('--text', 'also inside of words, which takes longer')
    .option('-C, --context <count>', 'of one attempt: so many lines before and after', countArgument)
    .option('--execution <id>', 'of one attempt: only lines of this execution', executionArgument)
    .option('--stderr', 'of one attempt: only what was printed to standard error')
    .option(
      '-l, --limit <count>',
      `at most so many attempts (default: ${LIMITS.attempts}); of one attempt, lines (default: ${LIMITS.lines})`,
      countArgument,
    )
    .option('--json', 'print one JSON object a line: an attempt with its first lines, or a line')
    .action((q: string, attempt: string | undefined, options: Options) =>
      withHive(options, async (hive) => {
        const { ignoreCase, regex } = options;
        const query = { q, ...(regex && { regex: 'true' }), ...(ignoreCase && { ignore_case: 'true' }) };
        const isFound = await (attempt === undefined
          ? searchAll(hive, query, options)
          : searchOne(hive, attempt, query, options));
        if (!isFound) process.exitCode = ExitCode.failed;
      }),
    );
}

async function searchAll(hive: Hive, query: Record<string, string>, options: Options): Promise<boolean> {
  const { text = false, regex = false, json = false, limit = LIMITS.attempts } = options;
  const alone = (['context', 'execution', 'stderr'] as const).find((name) => options[name] !== undefined);
  if (alone !== undefined) throw new UsageError(`--${alone} is for one attempt: name it after the text`);
  const nodes = await listNodes(hive);
  const asked = { ...query, ...attemptFilters(options, nodes), ...(text && { match: 'text' }) };
  return printFoundAttempts(hive, asked, { nodeName: namesOf(nodes), limit, json, isByWords: !text && !regex });
}

async function searchOne(
  hive: Hive,
  attempt: string,
  query: Record<string, string>,
  options: Options,
): Promise<boolean> {
  const { context, stderr, limit = LIMITS.lines, json = false } = options;
  const useless = ATTEMPT_OPTIONS.find((name) => options[name] !== undefined);
  if (useless !== undefined) throw new UsageError(`--${useless} chooses attempts: leave it out, or the attempt`);
  const id = await findAttemptId(hive, attempt);
  const execution = await findExecutionId(hive, id, options.execution);
  const asked = {
    ...query,
    ...(context !== undefined && { context: String(context) }),
    ...(execution !== undefined && { execution_id: execution }),
    ...(stderr && { output_type: 'stderr' }),
  };
  return printFoundLines(hive, id, asked, { limit, json });
}
