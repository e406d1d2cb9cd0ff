/** The same programs on a terminal with and without `run`, and what becomes of the terminal. */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../tests/harness/until.js';
import { afterAll, afterEach, beforeAll, describe, expect, test, jest } from '@jest/globals';
import { LAUNCHER } from '../testing/launcher.js';
import { ctrl, TestTerminal } from '../testing/terminal.js';

const RUN = [LAUNCHER, 'run', '--quiet', '--'];
const has = (file: string) => spawnSync('sh', ['-c', `command -v ${file}`]).status === 0;

jest.setTimeout(120_000); // each starts many processes, and the machine may be busy

(process.platform === 'linux' && has('setsid') ? describe : describe.skip)('a command under run, on a terminal', () => {
  let directory: string;
  let terminals: TestTerminal[] = [];
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-terminal-'));
    writeFileSync(join(directory, 'shell.rc'), "PS1='$ '; PROMPT_COMMAND=; bind 'set enable-bracketed-paste off'\n");
  });
  afterEach(() => {
    for (const terminal of terminals) terminal.close();
    terminals = [];
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function on(...argv: string[]): TestTerminal {
    const env: NodeJS.ProcessEnv = { ...process.env, NODE_DATA_DIR: join(directory, 'data'), TERM: 'xterm' };
    delete env['GIT_PAGER'];
    delete env['LESS'];
    const terminal = new TestTerminal(argv, { env, cwd: directory });
    terminals.push(terminal);
    return terminal;
  }

  async function shown(...argv: string[]): Promise<{ bytes: string; text: string; status: number | null }> {
    const terminal = on(...argv);
    const { status } = await terminal.ended;
    return { bytes: createHash('sha256').update(terminal.bytes).digest('hex'), text: terminal.text, status };
  }

  async function shell(): Promise<TestTerminal> {
    const terminal = on('bash', '--rcfile', 'shell.rc', '-i');
    await terminal.until(/\$ $/);
    return terminal;
  }

  test('ends as the command ended, also where the launcher’s shell makes files of long here-documents', async () => {
    const large = 'LARGE=$(head -c 60000 /dev/zero | tr "\\0" x); export LARGE; exec bash "$@" sh -c "exit 7"';
    expect(await on('sh', '-c', large, 'sh', ...RUN).ended).toEqual({ status: 7, signal: null });
  });

  test.each([
    [
      'its size, settings and that all three are terminals',
      'stty size; stty -a; test -t 0 && test -t 1 && test -t 2; echo $?',
    ],
    ['colours', 'ls --color=auto / /etc; ls -C /usr'],
    [
      'a controlling terminal, as the leader of its foreground group',
      'exec bash -c \'echo hello >/dev/tty; set -- $(cut -d" " -f5,8 /proc/$$/stat); [ $1 = $2 ] && [ $1 = $$ ]; echo $?\'',
    ],
    ['many bytes', 'seq 30000; printf "\\033[31mred\\033[0m no newline"'],
    ['its exit status', 'exit 150'],
  ])('sees and shows the same: %s', async (_, script) => {
    const without = await shown('sh', '-c', script);
    const under = await shown(...RUN, 'sh', '-c', script);
    expect(under.text).toBe(without.text);
    expect(under).toEqual(without);
  });

  test('keeps descriptors that are no terminals, and stderr apart', async () => {
    const script = `"$@" sh -c 'cat; echo err >&2; ls --color=auto -d / >&2; test -t 1; echo $?' < in 2> err; cat err`;
    writeFileSync(join(directory, 'in'), 'input\n');
    const without = await shown('bash', '-c', script, 'bash');
    const under = await shown('bash', '-c', script, 'bash', ...RUN);
    expect(under.text).toBe(without.text);
  });

  test.each([
    [ctrl('c'), 130],
    [ctrl('\\'), 131],
  ])('ends by the typed signal %j, and the shell says so alike', async (key, status) => {
    const texts = [];
    for (const before of ['', `${RUN.join(' ')} `]) {
      const terminal = await shell();
      terminal.type(`ulimit -c 0; ${before}sh -c 'echo up; exec sleep 60'\n`);
      await terminal.until(/up\r\n$/);
      terminal.clear();
      terminal.type(key);
      await terminal.until(/\$ $/);
      terminal.type('echo status=$?\n');
      texts.push(await terminal.until(/status=\d+\r\n\$ $/));
    }
    expect(texts[1]).toBe(texts[0]);
    expect(texts[1]).toContain(`status=${status}`);
  });

  test('lets Ctrl-C end the loop of the script around it', async () => {
    writeFileSync(join(directory, 'loop.sh'), `while :; do ${RUN.join(' ')} sh -c 'echo round; sleep 60'; done`);
    const terminal = on('bash', 'loop.sh');
    await terminal.until('round');
    terminal.type(ctrl('c'));
    expect(await terminal.ended).toEqual({ status: null, signal: 'SIGINT' });
  });

  test('stops by Ctrl-Z with the terminal put back, goes on in the foreground, and stops when it reads in the background', async () => {
    const terminal = await shell();
    const settings = terminal.settings();
    const command = `sh -c 'stty -echo; echo up; read a; echo got $a; stty echo'`;
    terminal.type(`${RUN.join(' ')} ${command}\n`);
    await terminal.until(/up\r\n$/);
    const underRun = terminal.settings();
    expect(underRun).not.toBe(settings);
    terminal.type(ctrl('z'));
    await terminal.until(/Stopped[^]*\$ $/);
    terminal.clear();
    terminal.type('fg\n');
    await terminal.until(/fg\r\n.*run .*\r\n/);
    await until(() => terminal.settings() === underRun);
    terminal.type('word\n');
    await terminal.until('got word');
    await terminal.until(/\$ $/);
    terminal.clear();
    terminal.type(`${RUN.join(' ')} cat &\n`);
    await terminal.until(/\$ $/);
    await until(async () => {
      terminal.type('jobs\n');
      await terminal.until(/jobs\r\n[^]*\$ $/);
      return terminal.text.includes('Stopped');
    });
    terminal.type('fg\n');
    await until(() => terminal.settings() === underRun);
    terminal.clear();
    terminal.type('line\n');
    await terminal.until(/line\r\nline\r\n/);
    terminal.type(ctrl('d'));
    await terminal.until(/\$ $/);
  });

  test('ends by SIGHUP when the terminal goes away', async () => {
    const terminal = on(...RUN, 'sh', '-c', 'echo up; exec sleep 60');
    await terminal.until('up');
    terminal.hangUp();
    expect(await terminal.ended).toEqual({ status: null, signal: 'SIGHUP' });
  });

  test('gets the new size of a window that is resized', async () => {
    const terminal = on(...RUN, 'bash', '-c', 'trap "stty size" WINCH; echo ready; while :; do sleep 0.05; done');
    await terminal.until('ready');
    terminal.resize(21, 63);
    await terminal.until('21 63');
  });

  (has('vim') ? test : test.skip)('edits a file in vim, which takes the whole screen', async () => {
    for (const before of [[], RUN]) {
      const file = join(directory, `edited-${before.length}`);
      const terminal = on(...before, 'vim', '-u', 'NONE', '-n', file);
      await terminal.until(/\[New/);
      terminal.type('itext of a test\x1b:set lines? columns?\n');
      await terminal.until('lines=33');
      terminal.type('\n:wq\n');
      await terminal.ended;
      expect(readFileSync(file, 'utf8')).toBe('text of a test\n');
      expect(terminal.text).toContain('\x1b[?1049h');
    }
  });

  (has('less') && has('git') ? test : test.skip)('pages the output of git', async () => {
    const repository = join(directory, 'repository');
    const made = spawnSync('bash', [
      '-c',
      `git init -q "$0" && cd "$0" && for n in $(seq 40); do git -c user.name=a -c user.email=a@b commit -q --allow-empty -m "commit $n"; done`,
      repository,
    ]);
    expect(made.status).toBe(0);
    const screens = [];
    for (const before of [[], RUN]) {
      const terminal = on(...before, 'git', '-C', repository, '-c', 'core.pager=less -R -X', 'log', '--oneline');
      await terminal.until(/\n:[^\n]*$/);
      terminal.type('q');
      await terminal.ended;
      screens.push(terminal.text); // what ends its prompt may come after the colon
    }
    expect(screens[1]).toBe(screens[0]);
  });

  (has('python3') ? test : test.skip)(
    'shows what python prints when it prints it, also with --tty into a pipe',
    async () => {
      const program = 'import time\nfor n in range(100): print("tick", n); time.sleep(1)';
      const terminal = on(...RUN, 'python3', '-c', program);
      await terminal.until('tick 1\r\n');
      terminal.child.kill('SIGKILL');
      const piped = on(
        'bash',
        '-c',
        `"$@" | cat`,
        'bash',
        LAUNCHER,
        'run',
        '--quiet',
        '--tty',
        '--',
        'python3',
        '-c',
        program,
      );
      await piped.until('tick 1\r\n');
    },
  );

  test.each(['the launcher', 'the recorder', 'the command'])(
    'leaves the terminal as it was when %s is killed',
    async (victim) => {
      const terminal = await shell();
      const settings = terminal.settings();
      terminal.type(`${RUN.join(' ')} sh -c 'stty -echo raw; echo up $$ $PPID; while :; do sleep 1; done'\n`);
      const [, command = '', recorder = ''] = /up (\d+) (\d+)/.exec(await terminal.until(/up \d+ \d+\s/)) ?? [];
      const launcher = spawnSync('ps', ['-o', 'ppid=', '-p', recorder], { encoding: 'utf8' }).stdout.trim();
      const pids: Record<string, string> = {
        'the launcher': launcher,
        'the recorder': recorder,
        'the command': command,
      };
      terminal.clear();
      process.kill(Number(pids[victim]), 'SIGKILL');
      await terminal.until(/\$ $/);
      terminal.type('echo status=$?\n');
      await terminal.until('status=137');
      await until(() => terminal.settings() === settings);
      const state = () => spawnSync('ps', ['-o', 'stat=', '-p', command], { encoding: 'utf8' }).stdout.trim();
      await until(() => /^(Z.*)?$/.test(state())); // gone, or left for its new parent to clear away
    },
  );

  test('is not waited for longer than --linger, and what it leaves behind can go on printing', async () => {
    const terminal = await shell();
    const over = 'for n in $(seq 1000); do test -e over && break; sleep 0.1; done';
    const script = `(trap "" HUP; ${over}; echo late && echo alive > alive) & echo first`;
    terminal.type(`${LAUNCHER} run --quiet --linger 0.2 -- sh -c '${script}'; echo status=$?\n`);
    await terminal.until(/status=0\r\n\$ $/);
    expect(terminal.text).not.toContain('late\r\n');
    writeFileSync(join(directory, 'over'), '');
    await terminal.until(/late\r/);
    while (spawnSync('test', ['-e', join(directory, 'alive')]).status !== 0) await sleep(50);
  });
});
