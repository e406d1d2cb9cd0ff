/** What runs services on a machine, behind one interface. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, NodeAgentError } from '../errors.js';
import { ensureDirectory, replaceFile } from '../store/private-file.js';

export interface ServiceState {
  /** The file that describes the service to the manager. */
  file: string;
  isInstalled: boolean;
  /** Whether it starts by itself, at boot or at login. */
  isEnabled: boolean;
  isRunning: boolean;
  /** What the manager says about it, in its own words. */
  detail: string;
}

export interface ServiceManager {
  /** Installs or replaces the service, and (re)starts it. @returns sentences about what is to be known */
  install(): string[];
  /** @returns whether there was one */
  uninstall(): boolean;
  state(): ServiceState;
}

export interface Said {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a manager's own command. `status` is null if there is no such command. */
export function ask(file: string, args: string[]): Said {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', env: process.env }) as {
    [Key in keyof Said]: Said[Key] | null;
  };
  return { status, stdout: stdout ?? '', stderr: stderr ?? '' };
}

/** @throws NodeAgentError `service` with what the command said, if it fails */
export function must(file: string, args: string[]): string {
  const { status, stdout, stderr } = ask(file, args);
  if (status === 0) return stdout.trim();
  const said = (stderr || stdout).trim().split('\n')[0] ?? '';
  throw new NodeAgentError('service', `${file} ${args.join(' ')} failed${said === '' ? '' : `: ${said}`}`);
}

/** @throws NodeAgentError `service` if the file cannot be written */
export function writeFile(file: string, text: string): void {
  try {
    ensureDirectory(dirname(file));
    replaceFile(file, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const hint = code === 'EACCES' || code === 'EPERM' ? '; --system needs root (sudo)' : '';
    throw new NodeAgentError('service', `${file} cannot be written: ${messageOf(error)}${hint}`, { cause: error });
  }
}

/** @returns whether there was one */
export function removeFile(file: string): boolean {
  const isThere = statSync(file, { throwIfNoEntry: false }) !== undefined;
  rmSync(file, { force: true });
  return isThere;
}

/** @returns undefined if there is no such file */
export function readFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
