/** What the demo records as a build: colours, a progress bar that is drawn over itself, warnings on stderr. */
import { setTimeout as sleep } from 'node:timers/promises';

const colour = (code: string, text: string) => `\u001b[${code}m${text}\u001b[0m`;
const green = (text: string) => colour('1;32', text);
const yellow = (text: string) => colour('1;33', text);
const CRATES = ['serde v1.0.219', 'tokio v1.47.1', 'regex v1.11.2', 'hyper v1.7.0', 'tracing v0.1.41', 'clap v4.5.47'];
const WIDTH = 30;

function bar(done: number): string {
  const filled = Math.round(done * WIDTH);
  return `[${'='.repeat(filled)}${filled < WIDTH ? '>' : ''}${' '.repeat(Math.max(0, WIDTH - filled - 1))}] ${Math.round(done * 100)}%`;
}

const out = (text: string) => process.stdout.write(text);

out(`${green('    Updating')} crates.io index\n`);
for (let step = 0; step <= 40; step++) {
  out(`\r${colour('1;36', ' Downloading')} ${bar(step / 40)}`);
  await sleep(40);
}
out(`\r\u001b[K${green('  Downloaded')} 214 crates (18.3 MB) in 1.62s\n`);
for (const crate of CRATES) {
  out(`${green('   Compiling')} ${crate}\n`);
  await sleep(150);
}
process.stderr.write(
  `${yellow('warning')}${colour('1', ': unused variable: `deadline`')}\n` +
    `  ${colour('1;34', '-->')} src/scheduler.rs:88:9\n` +
    `   ${colour('1;34', '|')}\n` +
    `${colour('1;34', '88 |')}     let deadline = now + timeout;\n` +
    `   ${colour('1;34', '|')}         ${yellow('^^^^^^^^ help: if this is intentional, prefix it with an underscore')}\n\n`,
);
await sleep(150);
out(`${green('    Finished')} ${colour('2', '`release` profile [optimized]')} target(s) in 41.07s\n`);
out(
  `${colour('48;5;236;38;5;214', ' 256 colours ')} ${colour('38;2;120;200;255', 'true colour')} ${colour('3;4', 'italic, underlined')} ${colour('7', ' reversed ')}\n`,
);
