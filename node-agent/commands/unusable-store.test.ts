/** What one is told where a store, or a part of it, cannot be used: one line, which file, what happened, what to do. */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AgentProcesses, succeeds } from '../testing/agent-process.js';
import { LAUNCHER } from '../testing/launcher.js';

let directory: string;
let dataDir: string;
let agent: AgentProcesses;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'node-agent-unusable-'));
  dataDir = join(directory, 'data');
  agent = new AgentProcesses(dataDir, { NODE_AGENT_CONFIG: join(directory, 'node-agent.json') });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface Place {
  what: string;
  make: () => void;
  /** What is said of it. */
  said: () => string;
}

const file = (path: string) => writeFileSync(path, 'a file');
const PLACES: Place[] = [
  {
    what: 'whose directory is a file',
    make: () => file(dataDir),
    said: () => `${dataDir} is not a directory: move it away`,
  },
  {
    what: 'below a file',
    make: () => {
      file(join(directory, 'file'));
      agent = new AgentProcesses((dataDir = join(directory, 'file', 'data')), {
        NODE_AGENT_CONFIG: directory + '.json',
      });
    },
    said: () => `${join(directory, 'file')} is not a directory: move it away`,
  },
  {
    what: 'whose database is a directory',
    make: () => mkdirSync(join(dataDir, 'node.db'), { recursive: true }),
    said: () => `${join(dataDir, 'node.db')} is a directory, and a file is needed there: move it away`,
  },
  {
    what: 'whose directory of recorders is a file',
    make: () => {
      mkdirSync(dataDir);
      file(join(dataDir, 'recorders'));
    },
    said: () => `${join(dataDir, 'recorders')} is not a directory: move it away`,
  },
  {
    what: 'where no directory can be made',
    make: () => (agent = new AgentProcesses((dataDir = '/proc/nowhere/store'), { NODE_AGENT_CONFIG: '/nowhere.json' })),
    said: () => '/proc/nowhere cannot be made or is gone: let NODE_DATA_DIR name another directory (ENOENT)',
  },
];

describe.each(PLACES)('a store $what', ({ make, said }) => {
  beforeEach(make);

  test('is named in one line by every command that reads it', () => {
    for (const args of [['status'], ['attempts'], ['logs', randomUUID()], ['announce', '--all'], ['prune']]) {
      const { status, stdout, stderr } = agent.run(...args);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/^node-agent: cannot use the store in .*\n$/);
      expect(stderr).toContain(said());
    }
  });

  test('does not keep a command from running, unrecorded, on the very descriptors that `run` has', () => {
    const printed = join(directory, 'printed');
    const command = `"$1" run -- sh -c 'readlink /proc/self/fd/1; exit 3' > "$2"`;
    const { status, stderr } = agent.runProgram('sh', '-c', command, 'sh', LAUNCHER, printed);
    expect({ status, printed: readFileSync(printed, 'utf8') }).toEqual({ status: 3, printed: `${printed}\n` });
    expect(stderr).toMatch(/^node-agent: cannot use the store in .*; the command runs unrecorded\n$/);
    expect(stderr).toContain(said());
  });

  test('keeps it from running with --strict', () => {
    const { status, stdout, stderr } = agent.run('run', '--strict', '--', 'echo', 'runs');
    expect({ status, stdout }).toEqual({ status: 125, stdout: '' });
    expect(stderr).toMatch(/^node-agent: cannot use the store in .*; the command does not run, because of --strict\n$/);
  });
});

test('a file of the store that is a directory is named', () => {
  mkdirSync(join(dataDir, 'connect.lock'), { recursive: true });
  const { status, stderr } = agent.run('status');
  expect(status).toBe(1);
  expect(stderr).toMatch(/^node-agent: cannot use the store in \S+: \S+connect\.lock is a directory, .*\n$/);
});

const canChangeUser = succeeds('setpriv', '--reuid=65534', '--clear-groups', 'true');

(canChangeUser ? test : test.skip)('a store of another user is no place to record, and says so in one line', () => {
  chmodSync(directory, 0o755);
  agent.run('run', '--', 'true');
  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const { status, stdout, stderr } = agent.runProgram('setpriv', ...asNobody, LAUNCHER, 'run', '--', 'echo', 'runs');
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'runs\n' });
  expect(stderr).toMatch(/^node-agent: cannot use the store in .*: this user may not read or write .*unrecorded\n$/);
});

describe('what a recorder has left, and nothing says what it was,', () => {
  const recorders = () => join(dataDir, 'recorders');
  const id = randomUUID();

  test.each([
    ['bytes of something else', Buffer.alloc(5000, 0xa7)],
    ['more of them than one command would look at', Buffer.alloc(3_000_000, 0xa7)],
    ['zeros, after a power cut', Buffer.alloc(4096)],
    ['a beginning that was cut', Buffer.from('\x05HSP\x40\x00\x00\x00', 'latin1')],
  ])('is set aside and told, once: %s', (_, bytes) => {
    agent.run('run', '--', 'echo', 'before');
    writeFileSync(join(recorders(), `${id}.0.spool`), bytes);
    const first = agent.run('attempts');
    expect(first.status).toBe(0);
    expect(first.stderr).toBe(
      `node-agent: cannot end execution ${id}: what its recorder has left cannot be read, and nothing else says what it was; set aside: recorders/${id}.0.spool.damaged\n`,
    );
    expect(readFileSync(join(recorders(), `${id}.0.spool.damaged`)).equals(bytes)).toBe(true);
    expect(readdirSync(recorders())).toEqual([`${id}.0.spool.damaged`]);
    const { stderr, stdout } = agent.run('status');
    expect(stderr).toBe('');
    expect(stdout).toMatch(new RegExp(`recorders/${id}\\.0\\.spool\\.damaged: .*, set aside because it was damaged`));
    expect(stdout).not.toContain('on its way into it');
  });

  test('is told by a command that runs beside it, which is recorded', () => {
    agent.run('run', '--', 'true');
    writeFileSync(join(recorders(), `${id}.0.spool`), 'bytes of something else');
    const { stderr } = agent.run('run', '--', 'echo', 'recorded');
    expect(stderr).toContain(`set aside: recorders/${id}.0.spool.damaged\n`);
    expect(agent.executions().at(-1)).toMatchObject({ status: 'completed', lines: [{ content: 'recorded' }] });
  });
});
