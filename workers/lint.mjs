/**
 * `npm run lint`: every check, two at a time, because each uses one core and they need nothing of each other. What a
 * check says is printed when it ends.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import pLimit from 'p-limit';

const ROOT = dirname(import.meta.dirname);
const AT_ONCE = 2;

/** The longest first. */
const CHECKS = [
  ['eslint', '.'],
  ['tsc', '-p', 'tsconfig.json'],
  ['prettier', '--check', '.'],
  ['tsc', '-p', 'console/tsconfig.json'],
  ['depcruise', '.'],
  ['knip'],
];

/** @returns whether the check found nothing */
function passes([command, ...args]) {
  return new Promise((resolve, reject) => {
    const said = [];
    const check = spawn(join(ROOT, 'node_modules', '.bin', command), args, { cwd: ROOT });
    for (const stream of [check.stdout, check.stderr]) stream.setEncoding('utf8').on('data', (text) => said.push(text));
    check.on('error', reject);
    check.on('close', (status) => {
      console.log(`${status === 0 ? 'passed' : 'FAILED'}: ${[command, ...args].join(' ')}`);
      process.stdout.write(said.join(''));
      resolve(status === 0);
    });
  });
}

const turn = pLimit(AT_ONCE);
const outcomes = await Promise.all(CHECKS.map((check) => turn(passes, check)));
process.exitCode = outcomes.every(Boolean) ? 0 : 1;
