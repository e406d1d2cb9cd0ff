import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { launchdPlist } from './launchd-plist.js';
import { planService, type ServicePlan } from './plan.js';
import { systemdUnit, UNIT_NAME, variablesFile } from './systemd-unit.js';
import { Systemd } from './systemd.js';

const KEY = 'a'.repeat(64);
const AWKWARD = 'a "b" 100% $HOME \\ c';
const has = (file: string, ...args: string[]) => spawnSync(file, args, { stdio: 'ignore' }).status === 0;

let directory: string;
let env: NodeJS.ProcessEnv;
const { PATH } = process.env;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'node-agent-service-'));
  env = { NODE_AGENT_CONFIG: join(directory, 'node-agent.json'), NODE_DATA_DIR: join(directory, 'store') };
  const stored = { hive_url: 'https://hive.example.com', api_key: KEY };
  writeFileSync(env['NODE_AGENT_CONFIG'] ?? '', JSON.stringify(stored), { mode: 0o600 });
});
afterEach(() => {
  process.env['PATH'] = PATH;
  rmSync(directory, { recursive: true, force: true });
});

const SCRIPT = import.meta.filename;
const plan = (scope: 'user' | 'system' = 'user', more: NodeJS.ProcessEnv = {}) =>
  planService(scope, { ...env, ...more }, SCRIPT);

/** Commands that write down how they were called, and answer as a manager with this unit would. */
function fakeManager(
  answers = 'ActiveState=active\nSubState=running\nMainPID=7\nUnitFileState=enabled\nNRestarts=2',
): string {
  const log = join(directory, 'calls');
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  writeFileSync(join(directory, 'answers'), `${answers}\n`);
  const script = `#!/bin/sh\necho "$(basename "$0") $*" >> ${log}\ncase "$*" in *show*) cat ${directory}/answers ;; esac\n`;
  for (const name of ['systemctl', 'loginctl']) writeFileSync(join(bin, name), script, { mode: 0o755 });
  process.env['PATH'] = `${bin}:${PATH}`;
  return log;
}

describe('the unit', () => {
  test.each(['user', 'system'] as const)(
    'of a %s names absolute paths, restarts, is hardened, and has no secret',
    (scope) => {
      const unit = systemdUnit(plan(scope, { HTTPS_PROXY: 'http://user:secret@proxy:3128' }));
      expect(unit).toContain(`ExecStart=${process.execPath} ${SCRIPT} connect\n`);
      expect(unit).toContain(`"NODE_AGENT_CONFIG=${directory}/node-agent.json"`);
      expect(unit).toContain('Restart=always');
      expect(unit).toContain('NoNewPrivileges=yes');
      expect(unit).not.toContain(KEY);
      expect(unit).not.toContain('secret');
      expect(unit.includes('\nUser=')).toBe(scope === 'system');
    },
  );

  const cases = (['user', 'system'] as const).flatMap((scope) => [
    [scope, 'plain', {}] as const,
    [scope, 'awkward', { dataDir: `/srv/${AWKWARD}`, config: `/etc/${AWKWARD}` }] as const,
  ]);
  (has('systemd-analyze', '--version') ? test.each(cases) : test.skip.each(cases))(
    'of a %s with %s paths is accepted by systemd-analyze',
    (scope, _, change: Partial<ServicePlan>) => {
      const file = join(directory, UNIT_NAME);
      writeFileSync(file, systemdUnit({ ...plan(scope), ...change }));
      const environment = { ...process.env, XDG_RUNTIME_DIR: directory };
      const verified = spawnSync('systemd-analyze', [`--${scope}`, '--man=no', 'verify', file], {
        encoding: 'utf8',
        env: environment,
      });
      const complaints = (verified.stderr + verified.stdout).split('\n').filter((line) => line.includes(UNIT_NAME));
      expect(complaints).toEqual([]);
    },
  );

  (has('python3', '--version') ? test : test.skip)('of launchd is a property list that says the same', () => {
    const made = { ...plan('system', { NO_PROXY: 'a&b<c>' }), dataDir: `/srv/${AWKWARD}` };
    const script = 'import sys, json, plistlib; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))';
    const read = JSON.parse(
      execFileSync('python3', ['-c', script], { input: launchdPlist(made), encoding: 'utf8' }),
    ) as object;
    expect(read).toMatchObject({
      ProgramArguments: [process.execPath, SCRIPT, 'connect'],
      EnvironmentVariables: { NODE_AGENT_CONFIG: made.config, NODE_DATA_DIR: made.dataDir, NO_PROXY: 'a&b<c>' },
      KeepAlive: true,
      RunAtLoad: true,
    });
    expect(JSON.stringify(read)).not.toContain(KEY);
  });
});

describe('systemd', () => {
  const folder = () => join(directory, 'units');
  const service = (more: NodeJS.ProcessEnv = {}) => new Systemd('user', () => plan('user', more), folder());

  test('is told to start the service now and at each login; installing it again is the same', () => {
    const log = fakeManager();
    service().install();
    const unit = readFileSync(join(folder(), UNIT_NAME), 'utf8');
    const calls = readFileSync(log, 'utf8').trim().split('\n');
    const told = ['daemon-reload', `enable ${UNIT_NAME}`, `restart ${UNIT_NAME}`].map(
      (call) => `systemctl --user ${call}`,
    );
    expect(calls).toEqual(expect.arrayContaining(told));
    service().install();
    expect(readFileSync(join(folder(), UNIT_NAME), 'utf8')).toBe(unit);
    expect(service().uninstall()).toBe(true);
    expect(service().uninstall()).toBe(false);
    expect(readFileSync(log, 'utf8')).toContain(`systemctl --user disable --now ${UNIT_NAME}`);
    expect(service().state().isInstalled).toBe(false);
  });

  test("gets a proxy's password in a file of its user's alone, and none once there is no proxy", () => {
    fakeManager();
    const variables = join(directory, 'node-agent.env');
    service({ HTTPS_PROXY: `http://user:p"$w@proxy:3128`, NODE_EXTRA_CA_CERTS: '/ca.pem', HOME: '/x' }).install();
    expect(readFileSync(variables, 'utf8')).toBe(
      'HTTPS_PROXY="http://user:p\\"\\$w@proxy:3128"\nNODE_EXTRA_CA_CERTS="/ca.pem"\n',
    );
    expect(statSync(variables).mode & 0o777).toBe(0o600);
    service().install();
    expect(statSync(variables, { throwIfNoEntry: false })).toBeUndefined();
    expect(variablesFile({})).toBe('');
  });

  test('says what is true', () => {
    fakeManager();
    expect(service().state()).toMatchObject({ isInstalled: false, isRunning: true });
    service().install();
    const state = service().state();
    expect(state).toMatchObject({ isInstalled: true, isEnabled: true, isRunning: true });
    expect(state.detail).toMatch(/^active \(running\), since .*process 7, restarted 2 times$/);
    writeFileSync(
      join(directory, 'answers'),
      'ActiveState=failed\nSubState=failed\nResult=exit-code\nUnitFileState=disabled\n',
    );
    expect(service().state()).toMatchObject({
      isEnabled: false,
      isRunning: false,
      detail: 'failed (failed), ended by: exit-code',
    });
  });

  test('that does not run is told in a sentence, and nothing is written', () => {
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    process.env['PATH'] = bin;
    expect(() => service().install()).toThrow(/systemd does not run here.*node-agent connect/);
    expect(statSync(folder(), { throwIfNoEntry: false })).toBeUndefined();
    expect(service().state()).toMatchObject({ isInstalled: false, isRunning: false });
  });

  test('that refuses is quoted', () => {
    fakeManager();
    const refusing = '#!/bin/sh\ncase "$*" in *enable*) echo "Access denied" >&2; exit 1 ;; esac\n';
    writeFileSync(join(directory, 'bin', 'systemctl'), refusing, { mode: 0o755 });
    expect(() => service().install()).toThrow(`systemctl --user enable ${UNIT_NAME} failed: Access denied`);
  });
});

test('a node that has not joined, or an agent in the cache of npx, gets no service', () => {
  expect(() => planService('user', { NODE_AGENT_CONFIG: join(directory, 'none') }, SCRIPT)).toThrow(
    'join a hive first',
  );
  mkdirSync(join(directory, '_npx'));
  writeFileSync(join(directory, '_npx', 'cli.js'), '');
  expect(() => planService('user', env, join(directory, '_npx', 'cli.js'))).toThrow('npm install -g');
});
