/** What git says about the directory a command runs in; nothing where there is no git, or no repository. */
import { execFile } from 'node:child_process';

const TIMEOUT_MS = 5000;

/** The commit of HEAD. */
export function headCommit(cwd: string): Promise<string | null> {
  return git(cwd, ['rev-parse', '--verify', '-q', 'HEAD']);
}

/** The branch's name; '' where HEAD is detached. */
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
