/**
 * Runs a command on a pseudo-terminal. This process leads the terminal's session, so that the command is a job in it as
 * it is one in a shell; the launcher, this process's parent, stands for the command in the session outside.
 */
import { closeSync, fstatSync } from 'node:fs';
import { constants } from 'node:os';
import * as c from './constants.js';
import { Child, type ChildEnd } from './child.js';
import { isTerminal } from './is-terminal.js';
import { canBeContinued, jobOf } from './job.js';
import { OuterTerminal } from './outer-terminal.js';
import { OutputReader } from './output-reader.js';
import { openPipe } from './pipes.js';
import type { ModeOptions } from './pipes-mode.js';
import { PollLoop, type Watch } from './poll-loop.js';
import { PseudoTerminal } from './pseudo-terminal.js';
import { resolvable, type StartResult } from './running-command.js';
import { catchSignals, isDeadly, send } from './signals.js';
import { spawnCommand, type SpawnResult } from './spawn.js';
import { TypedInput } from './typed-input.js';

const { signals } = constants;
/** How often the launcher is looked for, where the system does not tell that it has died. */
const LOOK_MS = 500;
const MADE_BY_TERMINAL: readonly number[] = [signals.SIGTSTP, signals.SIGTTIN, signals.SIGTTOU];

/** @throws Error if there is no pseudo-terminal to be had */
export function startOnTerminal(options: ModeOptions): StartResult {
  return new TerminalJob(options, new PseudoTerminal(options.libc)).start();
}

class TerminalJob {
  readonly #options: ModeOptions;
  readonly #libc: ModeOptions['libc'];
  readonly #terminal: PseudoTerminal;
  readonly #outer: OuterTerminal | undefined;
  readonly #loop: PollLoop;
  readonly #input: TypedInput | undefined;
  readonly #launcher = process.ppid;
  #child: Child | undefined;
  /** The group that had the pseudo-terminal before this job went to the background. */
  #waitingGroup: number | undefined;
  /** How many of each signal this process has sent to the launcher's group, and gets back from the launcher. */
  readonly #echoes = new Map<NodeJS.Signals, number>();
  #hasSettings = false;
  #isOver = false;

  constructor(options: ModeOptions, terminal: PseudoTerminal) {
    this.#options = options;
    this.#libc = options.libc;
    this.#terminal = terminal;
    this.#outer = OuterTerminal.find(options.libc);
    this.#loop = new PollLoop(options.libc);
    if (this.#outer) {
      const typed = (signal: NodeJS.Signals) => this.#signalTyped(signal);
      this.#input = new TypedInput(options.libc, this.#loop, this.#outer.inputFd, terminal, typed);
    }
  }

  start(): StartResult {
    const [ended, end] = resolvable<ChildEnd>();
    const [askedToLeave, leave] = resolvable<undefined>();
    catchSignals(this.#libc, this.#options.launch.ignored, (signal) => {
      this.#lookForLauncher();
      if (this.#child && !this.#child.hasEnded) this.#received(signal);
      // SIGHUP comes from this process's own closing of the command's terminal
      else if (isDeadly(signal) && signal !== 'SIGHUP') leave(undefined);
    });
    const errors = isTerminal(2) || isSameFile(1, 2) ? undefined : openPipe(this.#libc);
    const result = this.#spawn(errors?.writeFd);
    if (errors) this.#libc.close(errors.writeFd);
    if ('errno' in result) return result;
    this.#child = new Child(this.#libc, result.pid, {
      ended: (how) => {
        this.#input?.stop();
        end(how);
      },
      stopped: (signal) => this.#stopped(signal),
    });
    const sources = { stdout: this.#terminal.masterFd, stderr: errors?.readFd, isTerminal: true };
    const output = new OutputReader(this.#libc, this.#loop, sources, this.#options.output);
    this.#attach();
    this.#watchLauncher();
    this.#watchOuter(output);
    return {
      pid: result.pid,
      ended,
      askedToLeave,
      output,
      terminalPath: this.#terminal.path,
      close: () => this.#close(),
    };
  }

  #spawn(errorFd: number | undefined): SpawnResult {
    const { launch, argv, environment } = this.#options;
    const isForeground = this.#isForeground;
    this.#libc.setsid();
    this.#libc.signal(signals.SIGTTOU, c.SIG_IGN); // the session's leader gives the terminal to the command's group
    const slaveFd = this.#terminal.openSlave();
    try {
      this.#terminal.control(slaveFd);
      this.#terminal.copySizeOrDefault(this.#outer?.fd);
      if (isForeground) this.#copySettings();
      const result = spawnCommand(this.#libc, {
        argv,
        environment,
        launch,
        standard: [isTerminal(0) ? slaveFd : 0, slaveFd, errorFd ?? slaveFd],
        ownGroup: true,
        ...(isForeground && { foregroundOf: 1 }),
      });
      if ('errno' in result) return result;
      if (!isForeground) this.#waitingGroup = result.pid;
      else if (!this.#libc.posix_spawn_file_actions_addtcsetpgrp_np) this.#terminal.foregroundGroup = result.pid;
      return result;
    } finally {
      closeSync(slaveFd);
    }
  }

  /** Takes the outer terminal, or does without it while the launcher's job is in the background. */
  #attach(): void {
    const outer = this.#outer;
    if (!outer || this.#isOver) return;
    if (this.#isForeground) {
      this.#copySettings();
      outer.raw();
      this.#terminal.copySize(outer.fd);
      if (this.#waitingGroup !== undefined) this.#terminal.foregroundGroup = this.#waitingGroup;
      this.#waitingGroup = undefined;
      this.#input?.start();
    } else {
      this.#detach();
      // a command that reads is stopped then, as in any background job
      this.#waitingGroup ??= this.#terminal.foregroundGroup;
      this.#terminal.foregroundGroup = process.pid;
    }
  }

  /** Once, and not in the background, where the terminal has the settings of the shell that edits its next line. */
  #copySettings(): void {
    if (this.#outer && !this.#hasSettings) this.#terminal.copySettings(this.#outer.fd);
    this.#hasSettings = true;
  }

  /** Whether the launcher's job may use the outer terminal. */
  get #isForeground(): boolean {
    const job = this.#outer && jobOf(this.#launcher);
    return !job || job.group === job.foreground;
  }

  #detach(): void {
    this.#input?.stop();
    this.#outer?.restore();
  }

  #received(signal: NodeJS.Signals): void {
    const { pid } = this.#child ?? {};
    const echoes = this.#echoes.get(signal) ?? 0;
    if (echoes > 0) {
      this.#echoes.set(signal, echoes - 1);
    } else if (signal === 'SIGWINCH') {
      if (this.#outer) this.#terminal.copySize(this.#outer.fd);
    } else if (pid !== undefined) {
      if (signal === 'SIGCONT') this.#attach();
      send(-pid, signal);
    }
  }

  /** Outside, the whole group of the launcher would have got it: a script's loop ends by it. */
  #signalTyped(signal: NodeJS.Signals): void {
    const job = jobOf(this.#launcher);
    if (!job) return;
    this.#echoes.set(signal, (this.#echoes.get(signal) ?? 0) + 1);
    send(-job.group, signal);
  }

  /** The launcher's job stops with the command, so that the shell outside goes on. */
  #stopped(signal: number): void {
    if (this.#isOver || !this.#child) return;
    if (!canBeContinued(this.#launcher)) {
      send(-this.#child.pid, 'SIGCONT');
      return;
    }
    this.#detach();
    const job = jobOf(this.#launcher);
    send(job && MADE_BY_TERMINAL.includes(signal) ? -job.group : this.#launcher, 'SIGSTOP');
  }

  #watchLauncher(): void {
    this.#libc.prctl?.(c.PR_SET_PDEATHSIG, 'unsigned long', signals.SIGUSR2);
    setInterval(() => this.#lookForLauncher(), LOOK_MS).unref();
  }

  /** When the outer terminal has gone, the command's own goes too. */
  #watchOuter(output: OutputReader): void {
    if (!this.#outer) return;
    const hangUp: Watch = {
      fd: this.#outer.inputFd,
      events: 0,
      ready: () => {
        this.#loop.remove(hangUp);
        this.#input?.stop();
        output.close('stdout');
      },
    };
    this.#loop.add(hangUp);
  }

  /** If it was killed, somebody meant to kill the command. */
  #lookForLauncher(): void {
    if (this.#isOver || process.ppid === this.#launcher) return;
    this.#detach();
    this.#isOver = true;
    if (this.#child) send(-this.#child.pid, 'SIGKILL');
  }

  #close(): void {
    this.#isOver = true;
    this.#input?.stop();
    // this process's end hangs up its terminal's foreground group, which must not be what the command has left behind
    this.#terminal.foregroundGroup = process.pid;
    this.#outer?.close();
    this.#loop.close();
  }
}

function isSameFile(one: number, other: number): boolean {
  try {
    const [a, b] = [fstatSync(one), fstatSync(other)];
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    return false;
  }
}
