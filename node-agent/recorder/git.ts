/** What git says about the directory that a command runs in. */
import { execFile } from 'node:child_process';

const TIMEOUT_MS = 5000;

/** @returns the commit of HEAD; null if there is no commit, no repository or no git */
export function headCommit(cwd: string): Promise<string | null> {
  return git(cwd, ['rev-parse', '--verify', '-q', 'HEAD']);
}

/** @returns the branch's name; '' if HEAD is detached, or if there is no repository or no git */
export async function currentBranch(cwd: string): Promise<string> {
  return (await git(cwd, ['symbolic-ref', '--short', '-q', 'HEAD'])) ?? '';
}

function git(cwd: string, args: string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile('git', args, { cwd, timeout: TIMEOUT_MS, encoding: 'utf8' }, (error, stdout) => {
      const answer = stdout.trim();
      resolve(error || answer === '' || answer.length > 1024 ? null : answer);
    });
  });
}
