/** What is deployed is tried as far as this machine can: the unit by systemd itself, the rest against the hive's own rules. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readConfig } from '../workers/config.js';

const text = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');
const succeeds = (file: string, ...args: string[]) => spawnSync(file, args, { stdio: 'ignore' }).status === 0;

/** @returns NAME=value pairs, which are separated by blanks */
function pairs(line: string): Record<string, string> {
  return Object.fromEntries(line.split(' ').map((pair) => pair.split(/=(.*)/s, 2) as [string, string]));
}

(succeeds('systemd-analyze', '--version') ? test : test.skip)(
  "the hive's unit is accepted by systemd, and exposed little",
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'hivesync-unit-'));
    try {
      const file = join(directory, 'hive.service');
      // the program is not installed here
      writeFileSync(file, text('hive.service').replace('/usr/local/bin/hive', process.execPath));
      const { stdout, stderr } = spawnSync('systemd-analyze', ['--man=no', 'verify', file], { encoding: 'utf8' });
      expect((stdout + stderr).split('\n').filter((line) => line.includes('hive.service'))).toEqual([]);
      const security = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=40', file], {
        encoding: 'utf8',
      });
      expect(security.status === 0 ? 'exposed little' : security.stdout + security.stderr).toBe('exposed little');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

test("the hive's unit stops the hive before what it has started, and gives it time", () => {
  const unit = text('hive.service');
  expect(unit).toContain('KillMode=mixed');
  expect(Number(/TimeoutStopSec=(\d+)/.exec(unit)?.[1])).toBeGreaterThanOrEqual(60);
  expect(readConfig(pairs(/^Environment=(.*)$/m.exec(unit)?.[1] ?? '')).dataDir).toBe('/var/lib/hivesync');
});

test('the container runs as nobody special, keeps its data in a volume, and takes its settings from what the hive reads', () => {
  const file = text('Containerfile').replaceAll('\\\n', ' ');
  const instructions = file.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const known = /^(FROM|WORKDIR|COPY|RUN|ENV|USER|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD) /;
  expect(instructions.filter((line) => !known.test(line))).toEqual([]);
  const lastUser = instructions.filter((line) => line.startsWith('USER ')).at(-1);
  expect(lastUser).toBe('USER node');
  const env = instructions.filter((line) => line.startsWith('ENV ')).map((line) => pairs(line.slice(4)));
  const config = readConfig(Object.assign({}, ...env) as Record<string, string>);
  expect(config).toMatchObject({ host: '0.0.0.0', port: 3000, dataDir: '/var/lib/hivesync' });
  expect(instructions).toContain(`VOLUME ${config.dataDir}`);
  expect(instructions).toContain(`EXPOSE ${config.port}`);
  expect(file).not.toMatch(/TOKEN|PASSWORD|SECRET|API_KEY/);
});

test("the container's check says whether the hive is ready", () => {
  const check = JSON.parse(/^HEALTHCHECK .* CMD (\[.*\])$/m.exec(text('Containerfile'))?.[1] ?? '[]') as string[];
  const [file = '', ...args] = check;
  expect(file).toBe('node');
  const env = { ...process.env, HIVE_PORT: '1' }; // nobody listens there
  expect(spawnSync(process.execPath, args, { env, encoding: 'utf8' })).toMatchObject({ status: 1, stderr: '' });
});

interface Compose {
  services: Record<
    string,
    { environment?: Record<string, string>; image?: string; ports?: string[]; volumes?: string[] }
  >;
  volumes: Record<string, null>;
}

(succeeds('python3', '-c', 'import yaml') ? test : test.skip)(
  'the compose file gives the hive what it reads, publishes to this machine only, and has no password in it',
  () => {
    const script = 'import sys, json, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))';
    const input = text('compose.yaml');
    const compose = JSON.parse(execFileSync('python3', ['-c', script], { input, encoding: 'utf8' })) as Compose;
    const filledIn = (value: string) => value.replaceAll(/\$\{(\w+):\?[^}]*\}/g, 'from-the-env-file');
    const { hive, ...others } = compose.services;
    const env = Object.entries(hive?.environment ?? {}).map(([name, value]) => [name, filledIn(value)]);
    const config = readConfig(Object.fromEntries(env) as Record<string, string>);
    expect(config.databaseUrl).toBe('postgresql://hive:from-the-env-file@postgres:5432/hive');
    expect(config.temporal.kind).toBe('external');
    for (const { image } of Object.values(others)) expect(image).toMatch(/:\d+(\.\d+)*$/);
    const all = Object.values(compose.services);
    for (const port of all.flatMap(({ ports = [] }) => ports)) expect(port).toMatch(/^127\.0\.0\.1:/);
    const named = all.flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0]));
    expect(named.sort()).toEqual(Object.keys(compose.volumes).sort());
    expect(input.match(/PASSWORD: (?!\$\{)/g)).toBeNull();
  },
);

(succeeds('docker', 'compose', 'version') ? test : test.skip)('the compose file is accepted by docker compose', () => {
  const args = ['compose', '-f', join(import.meta.dirname, 'compose.yaml'), 'config', '--quiet'];
  const { status, stderr } = spawnSync('docker', args, {
    encoding: 'utf8',
    env: { ...process.env, POSTGRES_PASSWORD: 'x' },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
