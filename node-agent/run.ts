/** `node-agent run` alone: what the launcher starts for it, so that a command does not wait for what others need. */
import { Command } from 'commander';
import { runProgram } from './program.js';
import { runCommandCommand } from './commands/run.js';

void runProgram(new Command('node-agent'), [runCommandCommand]);
