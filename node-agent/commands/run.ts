import { randomUUID } from 'node:crypto';
import { Command, Option } from 'commander';
import { runReason, type RunReason } from '../../protocol/frames.js';
import { dataDirectory } from '../config.js';
import { executorAction } from '../recorder/command.js';
import { currentBranch, headCommit } from '../recorder/git.js';
import { Recording } from '../recorder/recording.js';
import { runCommand, type Pausable } from '../recorder/run-command.js';
import { ownStart } from '../store/process-identity.js';
import { textOption, uuidOption } from './options.js';

interface RunOptions {
  attempt?: string;
  title?: string;
  task?: string;
  executor: string;
  reason: RunReason;
}

export function runCommandCommand(): Command {
  return new Command('run')
    .description('Run a command and record its output as an execution of an attempt. Works without a hive.')
    .option('--attempt <uuid>', 'add to this attempt, created if it does not exist (default: a new one)', uuidOption)
    .option('--title <text>', 'title of a new attempt', textOption(16 * 1024))
    .option('--task <uuid>', 'shared task of a new attempt', uuidOption)
    .option('--executor <name>', 'executor of a new attempt', textOption(1024), 'SHELL')
    .addOption(
      new Option('--reason <reason>', 'why the command runs').choices(runReason.options).default('codingagent'),
    )
    .argument('<command...>', 'the command and its arguments, after --')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Exits with the status of the command: 128+n if signal n ended it, 127 if there is
no such command, 126 if it cannot be executed.`,
    )
    .action(async (command: [string, ...string[]], options: RunOptions) => {
      process.exitCode = await record(command, options);
    });
}

async function record(command: [string, ...string[]], options: RunOptions): Promise<number> {
  const dataDir = dataDirOrNone();
  const cwd = process.cwd();
  const [branch, beforeHeadCommit] = await Promise.all([currentBranch(cwd), headCommit(cwd)]);
  const attemptId = options.attempt ?? randomUUID();
  const recorder = { pid: process.pid, started: ownStart() ?? '' };
  say(`attempt ${attemptId}`);
  const begin = (pid: number | undefined, output: Pausable) => {
    const startedAt = new Date().toISOString();
    return new Recording({
      dataDir,
      ...output,
      attempt: {
        id: attemptId,
        title: options.title ?? null,
        sharedTaskId: options.task ?? null,
        executor: options.executor,
        branch,
        containerRef: cwd,
        createdAt: startedAt,
      },
      execution: {
        id: randomUUID(),
        runReason: options.reason,
        executorAction: executorAction(command),
        beforeHeadCommit,
        pid: pid ?? null,
        startedAt,
        recorder,
      },
      warn: say,
    });
  };
  return runCommand({ command, begin, afterHeadCommit: () => headCommit(cwd) });
}

/** @returns undefined if there can be none: the recording will say so, and the command runs all the same */
function dataDirOrNone(): string | undefined {
  try {
    return dataDirectory(process.env, say);
  } catch {
    return undefined;
  }
}

function say(sentence: string): void {
  process.stderr.write(`node-agent: ${sentence}\n`);
}
