/** Greps everything that is left of a recorded command, and what can be seen while it runs. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { until } from '../../tests/harness/until.js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Database } from '../store/sqlite.js';
import { AgentProcesses } from '../testing/agent-process.js';
import { ScriptedHive } from '../testing/scripted-hive.js';

const JOINED_KEY = 'hvk_joined_7f3kQ0xZpL2mN8vB';
const ENVIRONMENT_KEY = 'hvk_environment_9sD4gH6jK1wE5rT';
const NAMED = 'named"secret\\with+/characters';
const LISTED = 'listed-secret-b8Yt2';
const GITHUB = `ghp_${'z9X'.repeat(12)}`;
const KEYS = [JOINED_KEY, ENVIRONMENT_KEY];
const SECRETS = [...KEYS, NAMED, LISTED, GITHUB];

/** Prints all that it can find of the secrets, in several forms and pieces, and then waits to be looked at. */
const COMMAND = `
const { existsSync, readFileSync, writeSync } = require('node:fs');
const { NAMED, LISTED } = process.env;
const config = readFileSync(process.env.NODE_AGENT_CONFIG, 'utf8');
const { api_key: key } = JSON.parse(config);
const environment = readFileSync('/proc/self/environ', 'utf8').replaceAll('\\0', '\\n');
writeSync(1, 'environment:\\n' + environment + '\\n');
writeSync(2, 'arguments: ' + process.argv.join(' ') + '\\n');
writeSync(1, config + '\\n' + JSON.stringify({ NAMED, key, line: JSON.stringify({ LISTED }) }) + '\\n');
for (const secret of [NAMED, LISTED, key, ${JSON.stringify(ENVIRONMENT_KEY)}]) {
  writeSync(2, 'https://host/?key=' + encodeURIComponent(secret) + '\\n');
  writeSync(1, 'Basic ' + Buffer.from('user:' + secret).toString('base64') + '\\n');
  writeSync(1, 'x'.repeat(1024 * 1024 - 5) + secret + '\\n');
}
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
for (const secret of [LISTED, key, ${JSON.stringify(GITHUB)}]) {
  writeSync(1, 'prompt ' + secret.slice(0, 9));
  pause(600);
  writeSync(1, secret.slice(9) + '\\n');
}
writeSync(1, 'ready\\n');
const recorder = process.ppid;
while (!existsSync(process.env.GO_ON) && process.ppid === recorder) pause(50);
`;

describe('a recorded command that prints all it can find', () => {
  let directory: string;
  let agent: AgentProcesses;
  const environment = (): NodeJS.ProcessEnv => ({
    NODE_AGENT_CONFIG: join(directory, 'config.json'),
    NODE_API_KEY: ENVIRONMENT_KEY,
    NAMED,
    LISTED,
    COPY_OF_KEY: `Bearer ${JOINED_KEY}`,
    GO_ON: join(directory, 'go-on'),
  });
  const agentWith = (variables: NodeJS.ProcessEnv) => new AgentProcesses(join(directory, 'data'), variables);
  const goOn = () => writeFileSync(join(directory, 'go-on'), '');
  /** What is much is stored by a process of its own. */
  const stored = (status: string) => until(() => agent.rows()[0]?.status === status);
  const run = () => [
    'run',
    '--mask',
    'NAMED',
    '--title',
    `with ${NAMED}`,
    '--',
    process.execPath,
    join(directory, 'command.cjs'),
    LISTED,
  ];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-credential-'));
    mkdirSync(join(directory, 'data'), { mode: 0o700 });
    const config = {
      hive_url: 'http://127.0.0.1:9',
      api_key: JOINED_KEY,
      mask: { variables: ['LISTED'], secrets: true },
    };
    writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
    chmodSync(join(directory, 'config.json'), 0o600);
    writeFileSync(join(directory, 'command.cjs'), COMMAND);
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** The names of the files of the store that contain one of the secrets, and of the secrets. */
  function foundOnDisk(): string[] {
    const dataDir = join(directory, 'data');
    return readdirSync(dataDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .flatMap((entry) => {
        const bytes = contentOf(join(entry.parentPath, entry.name));
        return found(bytes).map((secret) => `${entry.name}: ${secret}`);
      });
  }

  /** All columns of all tables, pages decompressed. */
  function storedText(): string {
    const db = new Database(join(directory, 'data', 'node.db'), { readOnly: true });
    try {
      const tables = db.prepare<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all();
      const rows = tables.flatMap(({ name }) => db.prepare<Record<string, unknown>>(`SELECT * FROM ${name}`).all());
      const values = rows.flatMap((row) => Object.values(row));
      return values
        .map((value) => (value instanceof Uint8Array ? bytesText(Buffer.from(value)) : String(value)))
        .join('\n');
    } finally {
      db.close();
    }
  }

  test('leaves no secret in the store, the spool, an argument list, an environment, or what is said', async () => {
    agent = agentWith(environment());
    const running = agent.start(run());
    await running.printed('ready\n');
    expect(foundOnDisk()).toEqual([]);
    const inArguments = processes().filter(({ text }) => KEYS.some((key) => text.includes(key)));
    expect(inArguments).toEqual([]);
    const commands = processes().filter(
      ({ text }) => text.includes(join(directory, 'command.cjs')) && !text.includes('--mask'),
    );
    expect(commands).toHaveLength(1);
    for (const { pid } of commands) expect(found(readFileSync(`/proc/${pid}/environ`))).toEqual([NAMED, LISTED]);
    goOn();
    expect(await running.ended).toBe(0);
    await stored('completed');

    expect(found(Buffer.from(running.stdout))).toEqual(expect.arrayContaining([JOINED_KEY, GITHUB])); // as without us
    expect(
      running.stderr
        .split('\n')
        .filter((line) => line.startsWith('node-agent:') && found(Buffer.from(line)).length > 0),
    ).toEqual([]);
    expect(foundOnDisk()).toEqual([]);
    const text = storedText();
    expect(found(Buffer.from(text))).toEqual([]);
    for (const name of ['NODE_API_KEY', 'NAMED', 'LISTED', 'github']) expect(text).toContain(`[masked:${name}]`);
    expect(agent.rows()).toMatchObject([{ masked: expect.any(Number) }]);
    const [attempt] = agent.run('attempts', '--json').stdout.trim().split('\n');
    expect(JSON.parse(attempt ?? '')).toMatchObject({ title: 'with [masked:NAMED]', masked: agent.rows()[0]?.masked });
  });

  test('leaves none if the recorder is killed', async () => {
    agent = agentWith(environment());
    const running = agent.start(run());
    await running.printed('ready\n');
    await sleep(300);
    running.child.kill('SIGKILL');
    await running.ended;
    expect(foundOnDisk()).toEqual([]);
    agent.run('attempts');
    await stored('killed');
    const text = storedText();
    expect(found(Buffer.from(text))).toEqual([]);
    expect(text).toContain('[masked:NODE_API_KEY]');
    expect(agent.rows()[0]?.masked).toBeGreaterThan(10);
  });

  test('runs unrecorded where it is not known what to mask, and not at all with --strict', () => {
    const config = { api_key: JOINED_KEY, mask: { patterns: { bad: '(' } } };
    writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
    agent = agentWith(environment());
    const unrecorded = agent.run('run', '--', 'sh', '-c', 'echo "$COPY_OF_KEY"; exit 3');
    expect([unrecorded.status, unrecorded.stdout]).toEqual([3, '\n']);
    expect(unrecorded.stderr).toMatch(/^node-agent: mask\.patterns\.bad in the configuration file .* unrecorded\n$/);
    expect(readdirSync(join(directory, 'data'))).toEqual([]);
    expect(agent.run('run', '--strict', '--', 'true').status).toBe(125);
  });

  test('sends none to the hive, and the connection says none, but for its login', async () => {
    const hive = await ScriptedHive.start();
    try {
      const variables = environment();
      agent = agentWith(variables);
      goOn();
      expect(agent.run(...run()).status).toBe(0);
      await stored('completed');
      const config = { hive_url: hive.url, api_key: JOINED_KEY };
      writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
      const connect = agentWith({
        ...variables,
        NODE_API_KEY: undefined,
        HIVE_URL: undefined,
        LOG_LEVEL: 'trace',
      }).start(['connect']);
      const peer = await hive.peer(0);
      await peer.count('attempt_sync');
      await peer.count('execution_sync');
      connect.child.kill('SIGTERM');
      await connect.ended;
      expect(found(Buffer.from(connect.stdout + connect.stderr))).toEqual([]);
      expect(found(Buffer.from(JSON.stringify(peer.received)))).toEqual([]);
    } finally {
      await hive.stop();
    }
  });
});

/** The secrets that stand in the bytes, in one form or another. */
function found(bytes: Buffer): string[] {
  return SECRETS.filter((secret) =>
    [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      Buffer.from(`user:${secret}`).toString('base64').slice(8, -4),
    ].some((form) => bytes.includes(form)),
  );
}

/** Of a part of the spool that has been stored meanwhile, nothing is left. */
function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

function bytesText(bytes: Buffer): string {
  const isGzip = bytes.length > 1 && bytes.readUInt16BE() === 0x1f8b;
  return (isGzip ? gunzipSync(bytes) : bytes).toString();
}

function processes(): { pid: number; text: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? [{ pid: Number(name), text: readFileSync(`/proc/${name}/cmdline`, 'utf8') }] : [];
    } catch {
      return []; // it has ended
    }
  });
}
