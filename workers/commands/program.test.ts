import { expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { hiveProgram } from './program.js';

function leaves(command: Command, path: string[] = []): [string, Command][] {
  const here = [...path, command.name()];
  return command.commands.length === 0
    ? [[here.join(' '), command]]
    : command.commands.flatMap((child) => leaves(child, here));
}
const commands = leaves(hiveProgram());

function helpOf(command: Command): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return help;
}

test('the commands are those that scripts and docs rely on', () => {
  expect(commands.map(([name]) => name)).toEqual([
    'hive start',
    'hive worker',
    'hive migrate',
    ...['create', 'list'].map((name) => `hive org ${name}`),
    ...['create', 'list', 'revoke'].map((name) => `hive token ${name}`),
    ...['create', 'list', 'revoke', 'unblock'].map((name) => `hive key ${name}`),
    ...['invite', 'invites', 'withdraw'].map((name) => `hive node ${name}`),
    ...['list', 'link', 'unlink'].map((name) => `hive project ${name}`),
    'hive backfill',
    'hive doctor',
    'hive backup',
    'hive restore',
  ]);
});

test('the version is that of the package', async () => {
  let printed = '';
  const program = hiveProgram().configureOutput({ writeOut: (text) => (printed += text) });
  await expect(program.parseAsync(['--version'], { from: 'user' })).rejects.toMatchObject({ exitCode: 0 });
  expect(printed).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each(commands)('%s has help that says what it does and how it exits', (name, command) => {
  const help = helpOf(command);
  expect(command.description()).not.toBe('');
  expect(help).toContain(`Usage: ${name}`);
  expect(help).toMatch(/Exit codes: 0 .*, 1 .*, 2 wrong usage or configuration/);
  for (const option of command.options) expect(option.description).not.toBe('');
  if (!['hive start', 'hive worker', 'hive migrate'].includes(name)) expect(help).toContain('--json');
});
