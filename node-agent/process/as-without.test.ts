/** The same programs with and without `run`: what they can observe, and how they end. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, jest } from '@jest/globals';
import { LAUNCHER } from '../testing/launcher.js';

const OBSERVE = `
echo "arguments: $(tr '\\0' '|' < /proc/$$/cmdline | od -An -tx1)"
for fd in /proc/self/fd/*; do readlink $fd; done | sed 's/\\(pipe\\|socket\\):.*/pipe/; s/[0-9]*\\/fd$/fd/'
grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status
umask; ulimit -Sa; ulimit -Ha
cut -d' ' -f6,19 /proc/self/stat
pwd; test -t 0; echo $?; test -t 1; echo $?
`;

jest.setTimeout(120_000); // each starts many processes, and the machine may be busy

(process.platform === 'linux' ? describe : describe.skip)('a command under run, with pipes', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-as-'));
    writeFileSync(join(directory, 'observe.sh'), OBSERVE);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Runs a shell script in which "$@" stands for nothing, or for `run`. */
  function bash(script: string, before: readonly string[], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<Buffer> {
    return spawnSync('bash', ['-c', script, 'bash', ...before], {
      cwd: directory,
      env: { ...process.env, NODE_DATA_DIR: join(directory, 'data'), ...env },
      maxBuffer: 1 << 26,
      timeout: 100_000,
      killSignal: 'SIGKILL',
    });
  }
  const RUN = [LAUNCHER, 'run', '--quiet', '--'];
  const both = (script: string, env?: NodeJS.ProcessEnv) => [bash(script, [], env), bash(script, RUN, env)] as const;
  /** What is stored of the attempt that was recorded last. */
  const logOfLast = () =>
    bash('"$1" logs $("$1" attempts --json | head -n 1 | grep -o "[0-9a-f-]\\{36\\}" | head -n 1)', [LAUNCHER]).stdout;
  const seen = ({ stdout, stderr, status, signal }: SpawnSyncReturns<Buffer>) => ({
    stdout: stdout.toString('latin1'),
    stderr: stderr.toString('latin1'),
    status,
    signal,
  });

  test.each([
    ['as started here', ''],
    ['with descriptors of its own', 'exec 3</dev/null 7>/dev/null 19</etc/passwd;'],
    ['without standard input', 'exec <&-;'],
    ['with ignored signals, as nohup does', "trap '' HUP INT USR2 PIPE;"],
    [
      'with limits, niceness and umask',
      'ulimit -Sn 300; ulimit -c 0; ulimit -s 4096; umask 027; renice -n 5 $$ >/dev/null;',
    ],
    ['with every descriptor of one digit taken', 'exec 3</dev/null 4<&3 5<&3 6<&3 7<&3 8<&3 9<&3;'],
  ])('sees the same arguments, descriptors, signals, limits and session, %s', (_, setting) => {
    const [without, under] = both(`${setting} exec "$@" sh observe.sh 'a b' $'\\xff\\xfe' '' $'new\\nline'`);
    expect(seen(under)).toEqual(seen(without));
    expect(under.stdout.toString()).toContain('ff fe');
  });

  test('gets its environment byte for byte, with the attempt added and the agent’s key taken away', () => {
    const script = `export a=$'\\xff'; exec env 'a-b=c' 'BASH_FUNC_f%%=() { :; }' 'empty=' "$@" env -0`;
    const env = {
      NODE_OPTIONS: '--no-warnings',
      UV_THREADPOOL_SIZE: '1',
      NODE_API_KEY: 'a-key-of-the-agent',
      URL_WITH_KEY: 'http://a-key-of-the-agent@host',
    };
    const [without, under] = both(script, env).map(({ stdout }) => stdout.toString('latin1').split('\0'));
    const own = under?.filter((variable) => variable.startsWith('HIVESYNC_ATTEMPT_ID='));
    expect(own).toHaveLength(1);
    expect(under?.filter((variable) => !own?.includes(variable))).toEqual(
      without?.filter((variable) => !variable.includes('a-key-of-the-agent')),
    );
    expect(under).toEqual(
      expect.arrayContaining(['a=\xff', 'a-b=c', 'NODE_OPTIONS=--no-warnings', 'UV_THREADPOOL_SIZE=1']),
    );
  });

  const ENDINGS = [
    ...[0, 1, 2, 64, 125, 126, 127, 128, 129, 137, 143, 255].map((status) => `exit ${status}`),
    ...['HUP', 'INT', 'QUIT', 'ABRT', 'KILL', 'SEGV', 'PIPE', 'ALRM', 'TERM', 'USR1', 'XCPU', '34'].map(
      (signal) => `ulimit -c 0; kill -${signal} $$`,
    ),
  ];
  test.each(ENDINGS)('ends alike: %s', (ending) => {
    const [without, under] = both(`exec "$@" bash -c '${ending}'`);
    expect(seen(under)).toEqual(seen(without));
  });

  test.each([
    ['nothing-of-that-name', 127],
    ['./observe.sh', 126],
    ['/', 126],
    ['', 127],
    ['./interpreter-is-missing', 127],
    ['../nothing/here', 127],
    ['a/file/as/directory', 127],
    ['observe.sh/x', 126],
  ])('ends at once where it cannot be started: %j, with %i', (name, status) => {
    writeFileSync(join(directory, 'interpreter-is-missing'), '#!/nothing/here\n', { mode: 0o755 });
    const { status: got, stderr } = bash('exec "$@"', [...RUN, name]);
    expect([got, stderr.toString()]).toEqual([status, expect.stringContaining('could not be started')]);
  });

  test('may be a script that names no interpreter', () => {
    writeFileSync(join(directory, 'plain'), 'echo "$0" "$@"', { mode: 0o755 });
    const { stdout } = bash('exec "$@" ./plain 1 2', RUN);
    expect(stdout.toString()).toBe('./plain 1 2\n');
  });

  test('prints the same bytes, whole, on both streams', () => {
    const script = `exec "$@" sh -c 'head -c 3000000 /dev/zero | tr "\\\\0" "\\\\377"; seq 200000 >&2; printf end'`;
    const [without, under] = both(script);
    expect(under.stdout.equals(without.stdout)).toBe(true);
    expect(under.stderr.equals(without.stderr)).toBe(true);
  });

  test('prints the same bytes to who reads slowly, and the same are stored', () => {
    const script = `"$@" seq 900000 | { sleep 0.5; cat; }`;
    const [without, under] = both(script);
    expect(under.stdout.equals(without.stdout)).toBe(true);
    expect(logOfLast().equals(without.stdout)).toBe(true);
  });

  test('is stopped by SIGPIPE when nobody reads its output', () => {
    const script = `{ "$@" bash -c 'trap "" HUP; while echo y; do :; done 2>/dev/null; echo "not by SIGPIPE" >&2'; echo $? >&2; } | head -n 1`;
    const [without, under] = both(script);
    expect(seen(under)).toEqual(seen(without));
  });

  test('builds with the jobserver of the make around it', () => {
    const make = spawnSync('make', ['--version']);
    if (make.status !== 0) return; // nothing to compare with
    writeFileSync(join(directory, 'Makefile'), 'all:\n\t+@$(RUN) $(MAKE) --no-print-directory -f Inner\n');
    writeFileSync(join(directory, 'Inner'), 'all: a b c\na b c:\n\t@sleep 0.1; echo done\n');
    const [without, under] = [bash('make -j3 RUN=', []), bash(`make -j3 RUN="${RUN.join(' ')}"`, [])];
    expect(seen(under)).toEqual(seen(without)); // a warning would say that there is no jobserver
  });

  test('gets signals that are sent to run, and stops and goes on with it', () => {
    const script = `
      : > out # what the run before this one has left would look like an answer
      "$@" bash -c 'for s in HUP INT QUIT USR1 USR2 ALRM WINCH TERM; do trap "echo $s" $s; done; echo ready; while :; do sleep 0.05; done' > out &
      pid=$!
      until grep -q ready out; do sleep 0.05; done
      for s in HUP INT QUIT USR1 USR2 ALRM WINCH TERM; do kill -$s $pid; until grep -q $s out; do sleep 0.05; done; done
      kill -TSTP $pid; until ps -o stat= -p $pid | grep -q T; do sleep 0.05; done
      kill -CONT $pid; while ps -o stat= -p $pid | grep -q T; do sleep 0.05; done
      kill -KILL $pid $(pgrep -P $pid); wait $pid 2>/dev/null; cat out`;
    const [without, under] = both(script.replace('"$@" bash', 'set -m; "$@" bash'));
    expect(under.stdout.toString()).toBe(without.stdout.toString());
  });

  test('is over when it ends, whatever it has left behind: a daemon, or a process that holds its output', () => {
    const daemon = `(setsid sh -c 'exec </dev/null >/dev/null 2>&1; sleep 1; echo on > daemon') & exit 3`;
    expect(bash('exec "$@" --linger 60 -- sh -c "$DAEMON"', RUN.slice(0, -1), { DAEMON: daemon }).status).toBe(3);
    // as long as `bash` may take at most, so that it ends by itself
    const over = 'for n in $(seq 1000); do test -e over && break; sleep 0.1; done';
    const holder = `(trap '' HUP; ${over}; echo late; echo on > holder) & echo first; exit 3`;
    const { status, stdout } = bash(
      '"$@" --linger 0.1 -- sh -c "$HOLDER"; s=$?; test -e holder; echo $?; echo > over; exit $s',
      RUN.slice(0, -1),
      {
        HOLDER: holder,
      },
    );
    expect([status, stdout.toString()]).toEqual([3, 'first\n1\nlate\n']);
    expect(bash('until test -e daemon && test -e holder; do sleep 0.1; done', []).status).toBe(0);
    expect(logOfLast().toString()).toMatch(/^first\nnode-agent: .* was still open 0\.1 s later in .*\(pid \d+\).*\n$/);
  });

  test('is the only one that keeps its descriptors open, whatever outlives it', () => {
    const script = `exec 9>held; "$@" --linger 0.1 -- sh -c 'exec 9>&-; sleep 3 &'; exec 9>&-; ls -l /proc/[0-9]*/fd`;
    const { stdout } = bash(`${script} | grep -c "$PWD/held"`, RUN.slice(0, -1));
    expect(stdout.toString()).toBe('0\n');
  });

  test('can be ended by a signal while nobody reads what it has printed', () => {
    const script = `mkfifo unread; exec 8<>unread; (exec "$@" seq 40000 >unread 8>&-) & sleep 3; kill -s WINCH $!; kill $!; wait $!; echo over`;
    expect(bash(script, RUN).stdout.toString()).toBe('over\n');
  });

  test('joins the attempt of the run around it', () => {
    const nested = `echo $HIVESYNC_ATTEMPT_ID; "$@" sh -c 'echo $HIVESYNC_ATTEMPT_ID'`;
    const { stdout } = bash('exec "$@" bash -c "$NESTED" bash "$@"', RUN, { NESTED: nested });
    const [outer, inner] = stdout.toString().trim().split('\n');
    expect(outer).toMatch(/^[0-9a-f-]{36}$/);
    expect(inner).toBe(outer);
  });

  test('is asked for by --strict to be recorded, and otherwise runs unrecorded', () => {
    const config = join(directory, 'wrong.json');
    writeFileSync(config, '{');
    const run = (...options: string[]) =>
      bash('exec "$@" sh -c "readlink /proc/self/fd/1; exit 7" > out; ', [LAUNCHER, 'run', ...options, '--'], {
        NODE_AGENT_CONFIG: config,
      });
    expect([run().status, run('--strict').status]).toEqual([7, 125]);
    expect(run().stderr.toString()).toMatch(
      /^node-agent: .*wrong.json: is not a JSON object.*; the command runs unrecorded\n$/,
    );
  });

  test('runs also where the C library cannot be called, or Node cannot start', () => {
    const without = bash('exec "$@" sh -c "echo out; exit 7"', RUN, { HIVESYNC_WITHOUT_FFI: '1' });
    expect([without.stdout.toString(), without.status]).toEqual(['out\n', 7]);
    const key = { NODE_API_KEY: 'a-key-of-the-agent' };
    const limited = bash('ulimit -v 500000; exec "$@" sh -c "echo out\\$NODE_API_KEY; exit 7"', RUN, key);
    expect([limited.stdout.toString(), limited.status]).toEqual(['out\n', 7]);
    expect(limited.stderr.toString()).toContain('runs unrecorded');
  });

  test.each([
    ['-d 20000', 'memory'],
    ['-n 18', 'open files'],
    ['-v 500000', 'address space'],
  ])('runs within a limit that Node does not bear (ulimit %s), however it is written', (limit, what) => {
    const said = `node-agent: Node cannot start within the limit of ${what} (ulimit ${limit}), so the command runs unrecorded\n`;
    const runs = (words: string) => {
      const { stdout, stderr, status } = bash(`ulimit ${limit}; exec "$1" ${words}`, [LAUNCHER]);
      return { stdout: stdout.toString(), stderr: stderr.toString(), status };
    };
    expect(runs('run -- echo -- a')).toEqual({ stdout: '-- a\n', stderr: said, status: 0 });
    expect(runs('run --title "t --" --quiet echo a')).toEqual({ stdout: 'a\n', stderr: said, status: 0 });
    const strict = runs('run --strict echo a');
    expect(strict).toEqual({ stdout: '', stderr: said.replace(', so the command runs unrecorded', ''), status: 125 });
  });

  test('runs and is recorded with a PATH that has nothing but Node', () => {
    const folder = join(directory, 'only-node');
    mkdirSync(folder);
    symlinkSync(process.execPath, join(folder, 'node'));
    const link = join(folder, 'agent'); // as npm installs it
    symlinkSync(LAUNCHER, link);
    const script = `PATH=${folder}; exec "$@" run --quiet -- /bin/sh -c 'echo "out $PATH"; exit 7'`;
    const { stdout, stderr, status } = bash(script, [link]);
    expect({ stdout: stdout.toString(), stderr: stderr.toString(), status }).toEqual({
      stdout: `out ${folder}\n`,
      stderr: '',
      status: 7,
    });
    expect(logOfLast().toString()).toBe(`out ${folder}\n`);
  });
});
