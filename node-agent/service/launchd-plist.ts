/** The property list with which macOS's launchd keeps `connect` running. Only its owner can read it. */
import type { ServicePlan } from './plan.js';

export const LABEL = 'dev.hivesync.node-agent';

export function launchdPlist({ command, config, dataDir, user, variables }: ServicePlan): string {
  const environment = { ...variables, NODE_AGENT_CONFIG: config, NODE_DATA_DIR: dataDir };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    `  <key>Label</key>${text(LABEL)}`,
    ...(user === undefined ? [] : [`  <key>UserName</key>${text(user)}`]),
    `  <key>ProgramArguments</key><array>${command.map(text).join('')}</array>`,
    `  <key>EnvironmentVariables</key><dict>${Object.entries(environment).map(variable).join('')}</dict>`,
    '  <key>RunAtLoad</key><true/>',
    '  <key>KeepAlive</key><true/>',
    '  <key>ThrottleInterval</key><integer>10</integer>',
    '  <key>ProcessType</key><string>Background</string>',
    '  <key>Umask</key><integer>63</integer>',
    '</dict>',
    '</plist>',
    '',
  ].join('\n');
}

function variable([name, value]: [string, string]): string {
  return `<key>${escaped(name)}</key>${text(value)}`;
}

function text(value: string): string {
  return `<string>${escaped(value)}</string>`;
}

function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
