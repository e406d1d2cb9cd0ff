/** What a shell command takes: wall time, CPU of all its processes, and the memory of the largest of them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, peakKib } from './process-usage.js';

export interface Measured {
  wallSeconds: number;
  /** User and system time, of processes that outlive the command too. */
  cpuSeconds: number;
  peakMib: number;
}

const LOOK_MS = 10;

export interface MeasureOptions {
  env?: NodeJS.ProcessEnv;
  /** Of a node: the processes that absorb its spools after the command are waited for, and their CPU counts. */
  dataDir?: string;
}

/** @throws Error if the command fails */
export async function measure(command: string, { env, dataDir }: MeasureOptions = {}): Promise<Measured> {
  const script = `TIMEFORMAT='%R %U %S'; time { ${command}; }`;
  const shell = spawn('bash', ['-c', script], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  shell.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const closed = once(shell, 'close');
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, peakOfTree(shell.pid ?? 0))), LOOK_MS);
  const [status] = (await closed) as [number | null];
  clearInterval(timer);
  const [wall, user, system] = (errors.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  if (status !== 0 || wall === undefined || user === undefined || system === undefined) {
    throw new Error(`${command} ended with ${status}: ${errors}`);
  }
  const later = dataDir === undefined ? { cpu: 0, kib: 0 } : await absorbed(dataDir);
  return {
    wallSeconds: wall,
    cpuSeconds: user + system + later.cpu,
    peakMib: Math.max(peak, later.kib) / 1024,
  };
}

/** Waits until no spool is left, and no process that had to do with one. */
async function absorbed(dataDir: string): Promise<{ cpu: number; kib: number }> {
  const seen = new Map<number, number>();
  let kib = 0;
  for (;;) {
    const alive = processesWith(dataDir);
    for (const pid of alive) {
      const cpu = cpuSeconds(pid);
      if (!Number.isNaN(cpu)) seen.set(pid, cpu);
      kib = Math.max(kib, peakKib(pid) || 0);
    }
    if (alive.length === 0 && !hasSpool(dataDir)) break;
    await sleep(LOOK_MS);
  }
  return { cpu: [...seen.values()].reduce((sum, cpu) => sum + cpu, 0), kib };
}

function hasSpool(dataDir: string): boolean {
  return readdirSync(join(dataDir, 'recorders')).some((name) => name.endsWith('.spool'));
}

function processesWith(text: string): number[] {
  return processIds().filter((pid) => pid !== process.pid && read(`/proc/${pid}/cmdline`).includes(text));
}

function peakOfTree(pid: number): number {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
  return Math.max(peakKib(pid) || 0, ...children.map(peakOfTree));
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
}
