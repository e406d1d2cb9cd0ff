import { expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { COMMANDS } from './command-list.js';
import { hiveProgram, wholeProgram } from './program.js';

function leaves(command: Command, path: string[] = []): [string, Command][] {
  const here = [...path, command.name()];
  return command.commands.length === 0
    ? [[here.join(' '), command]]
    : command.commands.flatMap((child) => leaves(child, here));
}
const program = await wholeProgram();
const commands = leaves(program).filter(([name]) => name !== 'hive complete'); // only scripts call it

function helpOf(command: Command): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  return help;
}

test('the commands are those that scripts and docs rely on', () => {
  expect(commands.map(([name]) => name)).toEqual([
    ...['attempts', 'show', 'logs', 'search', 'nodes', 'backfills', 'status', 'console', 'mcp'].map(
      (name) => `hive ${name}`,
    ),
    ...['login', 'logout', 'profiles', 'completion'].map((name) => `hive ${name}`),
    ...['start', 'worker', 'migrate', 'doctor', 'backup', 'restore'].map((name) => `hive ${name}`),
    ...['create', 'list'].map((name) => `hive org ${name}`),
    ...['create', 'list', 'revoke'].map((name) => `hive token ${name}`),
    ...['create', 'list', 'revoke', 'unblock'].map((name) => `hive key ${name}`),
    ...['invite', 'invites', 'withdraw'].map((name) => `hive node ${name}`),
    ...['list', 'link', 'unlink'].map((name) => `hive project ${name}`),
    'hive backfill',
    'hive delete',
    ...['list', 'create', 'delete', 'deliveries', 'test', 'rotate-secret'].map((name) => `hive webhook ${name}`),
  ]);
});

test('the program has one command without loading the others, of which its help shows the same', async () => {
  const called = await hiveProgram(['logs', '-f', 'abcd']);
  const logs = called.commands.find((command) => command.name() === 'logs');
  expect(logs?.options.length).toBeGreaterThan(5);
  expect(called.commands.filter((command) => command.options.length > 0)).toEqual([logs]);
  for (const { name, summary } of COMMANDS) {
    const whole = program.commands.find((command) => command.name() === name);
    expect(whole?.description().slice(0, summary.length - 1)).toBe(summary.slice(0, -1));
  }
  expect(helpOf(await hiveProgram(['help', 'logs']))).toContain('Print the lines of an attempt');
});

test('the version is that of the package', async () => {
  let printed = '';
  const called = (await hiveProgram(['--version'])).configureOutput({ writeOut: (text) => (printed += text) });
  await expect(called.parseAsync(['--version'], { from: 'user' })).rejects.toMatchObject({ exitCode: 0 });
  expect(printed).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each(commands)('%s has help that says what it does and how it exits', (name, command) => {
  const help = helpOf(command);
  expect(command.description()).not.toBe('');
  expect(help).toContain(`Usage: ${name}`);
  expect(help).toMatch(/Exit codes: 0 .*, 1 .*, 2 wrong usage or configuration/);
  for (const option of command.options) expect(option.description).not.toBe('');
  if (!['hive start', 'hive worker', 'hive migrate', 'hive mcp', 'hive completion'].includes(name))
    expect(help).toContain('--json');
});
