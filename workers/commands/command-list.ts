/** Every `hive` command: what it is for, in its line of `hive --help`, and where it is. */
import type { Entry } from './command-entry.js';

const READING = 'Read what agents did (from any machine, by a token):';
const ACCESS = 'Say which hive:';
const RUNNING = 'Run a hive:';
const MANAGING = 'Manage a hive:';

export const COMMANDS: readonly Entry[] = [
  {
    name: 'attempts',
    summary: 'List attempts, newest first.',
    group: READING,
    load: async () => (await import('./reading/attempts.js')).attemptsCommand(),
  },
  {
    name: 'show',
    summary: 'Show an attempt: what ran, how it ended, what is missing.',
    group: READING,
    load: async () => (await import('./reading/show.js')).showCommand(),
  },
  {
    name: 'logs',
    summary: 'Print the lines of an attempt.',
    group: READING,
    load: async () => (await import('./reading/logs.js')).logsCommand(),
  },
  {
    name: 'search',
    summary: 'Find a text in the lines of all attempts, or of one.',
    group: READING,
    load: async () => (await import('./reading/search.js')).searchCommand(),
  },
  {
    name: 'nodes',
    summary: 'List the nodes, and which of them are connected.',
    group: READING,
    load: async () => (await import('./reading/nodes.js')).nodesCommand(),
  },
  {
    name: 'backfills',
    summary: 'List backfills, newest first.',
    group: READING,
    load: async () => (await import('./reading/backfills.js')).backfillsCommand(),
  },
  {
    name: 'status',
    summary: 'Show how the hive is, and what it has.',
    group: READING,
    load: async () => (await import('./reading/status.js')).statusCommand(),
  },
  {
    name: 'console',
    summary: 'Print a link that signs a browser in to the console, once.',
    group: READING,
    load: async () => (await import('./console.js')).consoleCommand(),
  },
  {
    name: 'mcp',
    summary: 'Serve the Model Context Protocol on standard input and output, for agents',
    group: READING,
    load: async () => (await import('./mcp.js')).mcpCommand(),
  },
  {
    name: 'login',
    summary: 'Remember a hive and a token for it.',
    group: ACCESS,
    load: async () => (await import('./login.js')).loginCommand(),
  },
  {
    name: 'logout',
    summary: 'Forget a hive and its token.',
    group: ACCESS,
    load: async () => (await import('./logout.js')).logoutCommand(),
  },
  {
    name: 'profiles',
    summary: 'List the hives that are remembered.',
    group: ACCESS,
    load: async () => (await import('./profiles.js')).profilesCommand(),
  },
  {
    name: 'completion',
    summary: 'Print a script with which a shell completes `hive` commands.',
    group: ACCESS,
    load: async () => (await import('./completion.js')).completionCommand(),
  },
  {
    name: 'complete',
    summary: 'Answer such a script.',
    group: ACCESS,
    isHidden: true,
    load: async () => (await import('./completion.js')).completeCommand(COMMANDS),
  },
  {
    name: 'start',
    summary: 'Run a hive: API, gateway and workers.',
    group: RUNNING,
    load: async () => (await import('./start.js')).startCommand(),
  },
  {
    name: 'worker',
    summary: "Run a worker: workflows, and activities that need no node's socket.",
    group: RUNNING,
    load: async () => (await import('./worker.js')).workerCommand(),
  },
  {
    name: 'migrate',
    summary: 'Apply the database migrations.',
    group: RUNNING,
    load: async () => (await import('./migrate.js')).migrateCommand(),
  },
  {
    name: 'doctor',
    summary: 'Check every stored log page again.',
    group: RUNNING,
    load: async () => (await import('./doctor.js')).doctorCommand(),
  },
  {
    name: 'backup',
    summary: "Copy the hive's database into a file, also while the hive runs.",
    group: RUNNING,
    load: async () => (await import('./backup.js')).backupCommand(),
  },
  {
    name: 'restore',
    summary: 'Bring a backup back, into an empty data directory or, with DATABASE_URL, into an empty database.',
    group: RUNNING,
    load: async () => (await import('./restore.js')).restoreCommand(),
  },
  {
    name: 'org',
    summary: 'Manage organisations. Each sees only its own data.',
    group: MANAGING,
    load: async () => (await import('./org.js')).orgCommand(),
  },
  {
    name: 'token',
    summary: 'Manage the API tokens of people and programs.',
    group: MANAGING,
    load: async () => (await import('./token.js')).tokenCommand(),
  },
  {
    name: 'key',
    summary: "Manage the nodes' API keys.",
    group: MANAGING,
    load: async () => (await import('./key.js')).keyCommand(),
  },
  {
    name: 'node',
    summary: 'Take machines in.',
    group: MANAGING,
    load: async () => (await import('./node.js')).nodeCommand(),
  },
  {
    name: 'project',
    summary: 'Link projects of original vk-swarm nodes: the hive mirrors what is linked.',
    group: MANAGING,
    load: async () => (await import('./project.js')).projectCommand(),
  },
  {
    name: 'backfill',
    summary: 'Start a backfill of an attempt, or join the one that is running.',
    group: MANAGING,
    load: async () => (await import('./backfill.js')).backfillCommand(),
  },
  {
    name: 'delete',
    summary: 'Delete an attempt for good: at the hive, and at its node, now or when that comes back.',
    group: MANAGING,
    load: async () => (await import('./delete.js')).deleteCommand(),
  },
  {
    name: 'webhook',
    summary: 'Have programs told what happens (docs/webhooks.md).',
    group: MANAGING,
    load: async () => (await import('./webhook.js')).webhookCommand(),
  },
];
