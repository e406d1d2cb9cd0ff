import { writeSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { RunReason } from '../../protocol/frames.js';
import { readStoredConfig, secretsOf } from '../config-file.js';
import { dataDirectory } from '../config.js';
import { codeOf, isBusy, mayPass, messageOf } from '../errors.js';
import { outputMask } from '../masking/configured.js';
import type { OutputMask } from '../masking/output-mask.js';
import type { ChildEnd } from '../process/child.js';
import { commandEnvironment } from '../process/command-environment.js';
import { endLike } from '../process/end-like.js';
import { isTerminal } from '../process/is-terminal.js';
import { launchAgain } from '../process/launch-again.js';
import { lastArguments, readLaunch } from '../process/launch.js';
import { libc } from '../process/libc.js';
import { Verdict } from '../process/verdict.js';
import { executorAction, executorOf } from '../recorder/command.js';
import { gitState } from '../recorder/git.js';
import { Recording } from '../recorder/recording.js';
import { runCommand, type Pausable, type Recorder } from '../recorder/run-command.js';
import { openStore } from '../store/open.js';
import { checkPlace } from '../store/store-files.js';
import { storeTrouble } from '../store/store-trouble.js';
import { ownStart } from '../store/process-identity.js';
import { newUuid } from '../uuid.js';
import { isLowerCaseUuid, listOption, secondsOption, textOption, uuidOption } from './options.js';
import { visible } from '../../protocol/terminal-line.js';

/** The longest that a write waits for another process before it is tried again later. Nothing else happens meanwhile. */
const BUSY_TIMEOUT_MS = 20;
const REASONS = ['setupscript', 'cleanupscript', 'codingagent', 'devserver'] satisfies RunReason[];
const MAX_LINGER_SECONDS = 24 * 3600;
/** What `--strict` ends with where nothing could be recorded. */
const REFUSED = 125;

interface RunOptions {
  attempt?: string;
  title?: string;
  task?: string;
  executor?: string;
  reason: RunReason;
  tty?: boolean;
  linger: number;
  strict?: boolean;
  quiet?: boolean;
  mask: string[];
  maskSecrets?: boolean;
}

export function runCommandCommand(): Command {
  return new Command('run')
    .description('Run a command and record its output as an execution of an attempt. Works without a hive.')
    .option(
      '--attempt <uuid>',
      'add to this attempt, created if it does not exist (default: that of the run around this one, otherwise a new one)',
      uuidOption,
    )
    .option('--title <text>', 'title of a new attempt', textOption(16 * 1024))
    .option('--task <uuid>', 'shared task of a new attempt', uuidOption)
    .option(
      '--executor <name>',
      'executor of a new attempt (default: the agent that is started, such as CLAUDE_CODE, otherwise SHELL)',
      textOption(1024),
    )
    .addOption(new Option('--reason <reason>', 'why the command runs').choices(REASONS).default('codingagent'))
    .option('--tty', 'give the command a terminal even where standard output is none')
    .option('--no-tty', 'give the command pipes even where standard output is a terminal')
    .option(
      '--linger <seconds>',
      'how long to wait for what outlives the command and holds its output',
      secondsOption(MAX_LINGER_SECONDS),
      5,
    )
    .option('--strict', 'do not run the command where it cannot be recorded (125)')
    .option('--mask <name>', 'mask the value of this variable in what is stored (may be repeated)', listOption, [])
    .option('--mask-secrets', 'mask what looks like a secret of a known kind, and private keys')
    .option('--quiet', 'do not print the attempt')
    .argument('<command...>', 'the command and its arguments, after --')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Ends as the command ends: with its exit status, or by the same signal; with 127 if
there is no such command, 126 if it cannot be executed. The command finds the
attempt in HIVESYNC_ATTEMPT_ID.`,
    )
    .action(record);
}

async function record(command: [string, ...string[]], options: RunOptions): Promise<void> {
  const launch = readLaunch();
  const onTerminal = options.tty ?? isTerminal(1);
  if (onTerminal && !launch.hasParent) launchAgain();
  const inTerminal = onTerminal && launch.hasParent;
  const settings = await readSettings(options);
  const refusal = settings.refusal ?? whyNotStored(settings.dataDir, options.strict === true);
  if (refusal !== undefined && options.strict) {
    say(`${refusal}; the command does not run, because of --strict`);
    process.exitCode = REFUSED;
    return;
  }
  const attemptId = options.attempt ?? attemptAround() ?? newUuid();
  if (refusal !== undefined) say(`${refusal}; the command runs unrecorded`);
  const verdict = new Verdict(launch.verdictFd);
  const end = await runCommand({
    launch,
    argv: lastArguments(command.length) ?? command.map((word) => Buffer.from(word)),
    environment: commandEnvironment(launch.environment, { attemptId, secrets: settings.secrets }),
    onTerminal: inTerminal,
    lingerSeconds: options.linger,
    ...(refusal === undefined && { begin: recorderOf(command, options, { ...settings, attemptId, inTerminal }) }),
    headCommit: () => gitState(workingDirectory()).headCommit,
    say,
    started: (pid) => verdict.started(pid),
  });
  const functions = libc();
  if (functions) endLike(functions, end, verdict);
  else endWithoutLibc(end);
}

interface RecordedAs extends Pick<Settings, 'dataDir' | 'mask'> {
  attemptId: string;
  inTerminal: boolean;
}

function recorderOf(
  command: readonly string[],
  options: RunOptions,
  { attemptId, dataDir, mask, inTerminal }: RecordedAs,
): (pid: number | undefined, output: Pausable) => Recorder {
  const cwd = workingDirectory();
  const before = gitState(cwd);
  const text = (value: string) => mask?.text(value) ?? value;
  return (pid, output) => {
    const startedAt = new Date().toISOString();
    return new Recording({
      dataDir,
      terminal: inTerminal,
      ...(mask && { mask }),
      ...output,
      attempt: {
        id: attemptId,
        title: options.title === undefined ? null : text(options.title),
        sharedTaskId: options.task ?? null,
        executor: text(options.executor ?? executorOf(command)),
        branch: text(before.branch),
        containerRef: cwd === undefined ? null : text(cwd),
        createdAt: startedAt,
      },
      execution: {
        id: newUuid(),
        runReason: options.reason,
        executorAction: executorAction(command.map(text)),
        beforeHeadCommit: before.headCommit,
        pid: pid ?? null,
        startedAt,
        recorder: { pid: process.pid, started: ownStart() ?? '' },
      },
      ...(!options.quiet && { begun: () => say(`attempt ${attemptId}`) }),
      warn: say,
    });
  };
}

interface Settings {
  /** Undefined if there can be none. */
  dataDir?: string;
  /** The agent's own credentials. */
  secrets: string[];
  /** Undefined if there is nothing to mask. */
  mask?: OutputMask;
  /** Why nothing can be recorded. */
  refusal?: string;
}

/**
 * Whatever is wrong with the agent's own configuration must not keep the command from running. Nothing is recorded then:
 * what it says of masking would not be heeded.
 */
async function readSettings({ mask: names, maskSecrets = false }: RunOptions): Promise<Settings> {
  let secrets = secretsOf({});
  try {
    const stored = readStoredConfig();
    secrets = secretsOf(stored);
    const sources = { own: secrets, names, secrets: maskSecrets, configured: stored.mask, env: process.env, warn: say };
    const mask = await outputMask(sources);
    return { secrets, dataDir: dataDirectory(process.env, say), ...(mask && { mask }) };
  } catch (error) {
    return { secrets, refusal: messageOf(error) };
  }
}

/** @returns the attempt of the run that this one is nested in */
function attemptAround(): string | undefined {
  const given = process.env['HIVESYNC_ATTEMPT_ID']?.toLowerCase();
  return given !== undefined && isLowerCaseUuid(given) ? given : undefined;
}

function workingDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined; // it was deleted: the command can still run in it
  }
}

/**
 * @param isStrict whether the store must be opened for that, which the command waits for
 * @returns one sentence, or undefined if it can be recorded, now or once the disk is not full any more
 */
function whyNotStored(dataDir: string | undefined, isStrict: boolean): string | undefined {
  if (dataDir === undefined) return undefined;
  try {
    checkPlace(dataDir);
    if (isStrict) openStore(dataDir, { busyTimeoutMs: BUSY_TIMEOUT_MS }).close();
    return undefined;
  } catch (error) {
    if (isStrict ? isBusy(error) : mayPass(codeOf(error))) return undefined;
    return storeTrouble(error, dataDir).message;
  }
}

/** Written at once, and not by Node's streams, which would change the descriptor that the command shares. */
function say(sentence: string): void {
  try {
    writeSync(2, `node-agent: ${visible(sentence)}${isTerminal(2) ? '\r' : ''}\n`); // the terminal may be raw
  } catch {
    // nobody reads it
  }
}

function endWithoutLibc({ code, signal }: ChildEnd): void {
  process.exitCode = code ?? 128 + (signal ?? 0);
  if (signal !== null) {
    process.removeAllListeners();
    process.kill(process.pid, signal);
  }
}
