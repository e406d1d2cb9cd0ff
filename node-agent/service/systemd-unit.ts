/** The systemd unit that keeps `connect` running. It contains no secret. */
import type { ServicePlan } from './plan.js';

export const UNIT_NAME = 'hivesync-node-agent.service';

/** What the manager of a user may restrict too. V8 makes code while it runs, so memory may be executable. */
const HARDENING = [
  'NoNewPrivileges=yes',
  'UMask=0077',
  'LockPersonality=yes',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX',
  'SystemCallArchitectures=native',
];

const SYSTEM_HARDENING = [
  'CapabilityBoundingSet=',
  'ProtectSystem=strict',
  'ProtectHome=read-only',
  'PrivateDevices=yes',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
];

export function systemdUnit({ scope, command, config, variablesFile, dataDir, user }: ServicePlan): string {
  const isSystem = scope === 'system';
  return [
    '# Written by `node-agent service install`, which replaces it.',
    '[Unit]',
    'Description=Hivesync node agent: mirrors what is recorded on this machine',
    ...(isSystem ? ['Wants=network-online.target', 'After=network-online.target'] : []),
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    ...(isSystem && user !== undefined ? [`User=${quoted(user)}`] : []),
    `ExecStart=${command.map(argument).join(' ')}`,
    `Environment=${quoted(`NODE_AGENT_CONFIG=${config}`)} ${quoted(`NODE_DATA_DIR=${dataDir}`)}`,
    `EnvironmentFile=-${specifiers(variablesFile)}`,
    'Restart=always',
    'RestartSec=5',
    // another connect runs for the store, which is no failure that waiting mends soon
    'RestartPreventExitStatus=3',
    'TimeoutStopSec=15',
    ...HARDENING,
    ...(isSystem ? [...SYSTEM_HARDENING, `ReadWritePaths=${quoted(dataDir)}`] : []),
    '',
    '[Install]',
    `WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}`,
    '',
  ].join('\n');
}

/** The file of further variables, in systemd's syntax. */
export function variablesFile(variables: Record<string, string>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}="${value.replace(/["\\$`]/g, '\\$&')}"\n`)
    .join('');
}

/** % begins a specifier of systemd. */
function specifiers(text: string): string {
  return text.replaceAll('%', '%%');
}

function quoted(text: string): string {
  return `"${specifiers(text).replace(/["\\]/g, '\\$&')}"`;
}

/** Of a command line, where $ begins a variable too. */
function argument(text: string): string {
  return /^[\w@/.:+,=-]+$/.test(text) ? text : quoted(text).replaceAll('$', '$$$$');
}
