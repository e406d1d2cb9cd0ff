/** What could come next on a command line of `hive`. */
import { RootCommand, type Complete } from '@bomb.sh/tab';
import type { Command, Option } from 'commander';
import { printable } from '../../protocol/printable.js';
import { createHiveClient, bodyOf, type HiveClient } from '../../api/client/client.js';
import type { Entry } from './command-entry.js';
import { findHive } from './hive-access.js';
import { readProfiles } from './profile-file.js';

/** Nobody waits longer for what a key should complete. */
const ANSWER_MS = 1_500;
const NEWEST = 30;

type Values = readonly (readonly [value: string, description: string])[];

/** Prints what can follow the words, the last of which is being typed: one a line, as the shells' scripts read it. */
export async function printCompletions(commands: readonly Entry[], words: string[]): Promise<void> {
  const root = new RootCommand();
  for (const { name, summary, isHidden } of commands) if (!isHidden) root.command(name, summary);
  const called = commands.find(({ name }) => name === words[0]);
  if (called && words.length > 1) {
    const command = await called.load();
    add(root, command, [command.name()], await valuesFor(command, words));
  }
  root.parse([...words]);
}

/** @param values by the name of an option or an argument */
function add(root: RootCommand, command: Command, path: string[], values: ReadonlyMap<string, Values>): void {
  const completing = root.command(path.join(' '), command.description());
  for (const option of command.options) {
    if (option.long === undefined) continue;
    const [name, short] = [option.long.slice(2), option.short?.slice(1)];
    if (option.isBoolean() || (!option.required && !option.optional))
      completing.option(name, option.description, short ?? '');
    else completing.option(name, option.description, offer(choicesOf(option) ?? values.get(name)), short);
  }
  for (const argument of command.registeredArguments) {
    const known = argument.argChoices?.map((choice) => [choice, ''] as const) ?? values.get(argument.name());
    completing.argument(argument.name(), offer(known), argument.variadic);
  }
  for (const child of command.commands) add(root, child, [...path, child.name()], values);
}

function choicesOf({ argChoices }: Option): Values | undefined {
  return argChoices?.map((choice) => [choice, ''] as const);
}

function offer(values: Values = []): (complete: Complete) => void {
  return (complete) => values.forEach(([value, description]) => complete(value, printable(description)));
}

/** Asks the hive only where its answer could be what is typed, and never complains. */
async function valuesFor(command: Command, words: readonly string[]): Promise<Map<string, Values>> {
  const values = new Map<string, Values>();
  const [typed = '', before = ''] = [words.at(-1), words.at(-2)];
  if (before === '--profile' || before === '--use' || command.name() === 'logout') {
    const { profiles } = await readProfiles().catch(() => ({ profiles: {} }));
    const names = Object.entries<{ url: string }>(profiles).map(([name, { url }]) => [name, url] as const);
    values.set('profile', names).set('use', names);
  }
  const takesAttempt = command.registeredArguments.some((argument) => argument.name() === 'attempt');
  if (typed.startsWith('-') || (!takesAttempt && before !== '--node' && before !== '--attempt')) return values;
  const address = await findHive({}).catch(() => undefined);
  if (!address) return values;
  const hive = createHiveClient(address);
  const asked = before === '--node' ? nodeNames(hive) : newestAttempts(hive);
  values.set(before === '--node' ? 'node' : 'attempt', await asked.catch(() => []));
  return values;
}

async function newestAttempts(hive: HiveClient): Promise<Values> {
  const signal = AbortSignal.timeout(ANSWER_MS);
  const page = await bodyOf(hive.GET('/v1/swarm/attempts', { params: { query: { limit: NEWEST } }, signal }));
  return page.attempts.map(({ id, title, command, status }) => [
    id,
    `${status ?? ''} ${(title ?? command ?? '').slice(0, 60)}`,
  ]);
}

async function nodeNames(hive: HiveClient): Promise<Values> {
  const nodes = await bodyOf(hive.GET('/v1/nodes', { signal: AbortSignal.timeout(ANSWER_MS) }));
  return nodes.filter(({ name }) => /^[\w.-]+$/.test(name)).map(({ name, status }) => [name, status]);
}
