/** What git says about the directory that a command runs in, read from its files: git itself would cost the start 10 ms. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const MAX_NAME_LENGTH = 1024;
const OBJECT = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
const BRANCHES = 'refs/heads/';

interface Repository {
  /** Has HEAD; a worktree has its own. */
  gitDir: string;
  /** Has the branches. */
  commonDir: string;
}

export interface GitState {
  /** '' if HEAD is detached, or if there is no repository. */
  branch: string;
  /** The commit of HEAD; null if there is no commit or no repository. */
  headCommit: string | null;
}

/** @returns what is known; a repository whose files are in an unknown form counts as none */
export function gitState(cwd: string | undefined): GitState {
  try {
    const repository = cwd === undefined ? undefined : findRepository(cwd);
    const head = repository && text(join(repository.gitDir, 'HEAD'));
    if (!repository || head === undefined) return { branch: '', headCommit: null };
    const ref = /^ref: (.+)$/.exec(head)?.[1];
    if (ref === undefined) return { branch: '', headCommit: OBJECT.test(head) ? head : null };
    const branch = ref.startsWith(BRANCHES) ? ref.slice(BRANCHES.length) : '';
    return {
      branch: branch.length > MAX_NAME_LENGTH || branch === '.invalid' ? '' : branch,
      headCommit: commitOf(repository, ref),
    };
  } catch {
    return { branch: '', headCommit: null };
  }
}

function findRepository(cwd: string): Repository | undefined {
  const { GIT_DIR: given } = process.env;
  if (given !== undefined && given !== '') return repositoryAt(resolve(cwd, given));
  for (let at = cwd; ; at = dirname(at)) {
    const git = join(at, '.git');
    if (existsSync(git)) return repositoryAt(git);
    if (dirname(at) === at) return undefined;
  }
}

function repositoryAt(git: string): Repository {
  // worktrees and submodules have a file that names the directory
  const link = statSync(git).isFile() ? /^gitdir: (.+)$/m.exec(readFileSync(git, 'utf8'))?.[1] : undefined;
  const gitDir = link === undefined ? git : resolve(dirname(git), link);
  const common = text(join(gitDir, 'commondir'));
  return { gitDir, commonDir: common === undefined ? gitDir : resolve(gitDir, common) };
}

function commitOf({ gitDir, commonDir }: Repository, ref: string): string | null {
  if (ref.split('/').includes('..')) return null;
  const loose = text(join(commonDir, ref)) ?? text(join(gitDir, ref));
  if (loose !== undefined && OBJECT.test(loose)) return loose;
  const packed = text(join(commonDir, 'packed-refs')) ?? '';
  const line = packed.split('\n').find((each) => each.endsWith(` ${ref}`));
  const commit = line?.slice(0, line.indexOf(' ')) ?? '';
  return OBJECT.test(commit) ? commit : null;
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
