/**
 * Secretlint's rules, used without its core: the core reads whole files and answers asynchronously, which does not fit a
 * stream. A rule itself is a synchronous function of a text that reports ranges.
 */
import type { FindRanges } from './pattern-mask.js';

/** Not used: one needs a file's name, one only switches others off, and keys are masked line by line (private-keys.ts). */
const NOT_USED = ['gcp', 'filter-comments', 'privatekey'];
const PREFIX = '@secretlint/secretlint-rule-';

/** As much of a rule as is used. */
interface Rule {
  meta: { id: string };
  create(context: RuleContext, options: object): { file?: (source: RuleSource) => unknown };
}
interface RuleContext {
  sharedOptions: object;
  createTranslator: () => () => { message: string; messageId: string };
  report: (found: { range: readonly number[] }) => void;
  ignore: () => void;
}
interface RuleSource {
  content: string;
  contentType: 'text';
  filePath: undefined;
  ext: '';
}

/**
 * Loads the patterns of secretlint's recommended preset: takes about 10 ms, once, so it is done only where they are
 * switched on.
 * @returns one function for each rule. @throws whatever an import throws if the package is not there
 */
export async function secretPatterns(): Promise<FindRanges[]> {
  const { rules } = (await import('@secretlint/secretlint-rule-preset-recommend')) as unknown as { rules: Rule[] };
  return rules.flatMap((rule) => {
    const name = rule.meta.id.replace(PREFIX, '');
    return NOT_USED.includes(name) ? [] : [finder(rule, name)];
  });
}

function finder(rule: Rule, name: string): FindRanges {
  let found: { start: number; end: number; name: string }[] = [];
  const handler = rule.create(
    {
      sharedOptions: {},
      createTranslator: () => () => ({ message: '', messageId: '' }), // a message would quote the secret
      report: ({ range: [start = 0, end = 0] }) => void found.push({ start, end, name }),
      ignore: () => undefined,
    },
    {},
  );
  return (text) => {
    found = [];
    handler.file?.({ content: text, contentType: 'text', filePath: undefined, ext: '' });
    return found;
  };
}
