#!/usr/bin/env node
/** The `node-agent` command. */
import { Command } from 'commander';
import { announceCommand } from './commands/announce.js';
import { attemptsCommand } from './commands/attempts.js';
import { connectCommand } from './commands/connect.js';
import { joinCommand } from './commands/join.js';
import { logsCommand } from './commands/logs.js';
import { pruneCommand } from './commands/prune.js';
import { runCommandCommand } from './commands/run.js';
import { serviceCommand } from './commands/service.js';
import { statusCommand } from './commands/status.js';
import { runProgram } from './program.js';
import { VERSION } from './version.js';

const ENVIRONMENT = `
Environment (none is needed after \`join\`):
  HIVE_URL           address of the hive, ws(s):// or http(s):// (default ws://127.0.0.1:3000)
  NODE_API_KEY       this node's key; with it, HIVE_URL wins over the hive that was joined
  NODE_DATA_DIR      directory of the node's store (default: hivesync in XDG_DATA_HOME,
                     that is ~/.local/share/hivesync)
  NODE_NAME          name of the node in the hive (default: the host name)
  NODE_AGENT_CONFIG  the configuration that \`join\` writes (default: hivesync/node-agent.json in
                     XDG_CONFIG_HOME, that is ~/.config/hivesync/node-agent.json)
  LOG_LEVEL          fatal, error, warn, info, debug, trace or silent (default info)`;

const program = new Command('node-agent')
  .description('Record what coding agents do on this machine, and mirror it to a hive.')
  .version(VERSION)
  .addHelpText('after', ENVIRONMENT);
void runProgram(program, [
  joinCommand,
  serviceCommand,
  runCommandCommand,
  connectCommand,
  attemptsCommand,
  logsCommand,
  statusCommand,
  pruneCommand,
  announceCommand,
]);
