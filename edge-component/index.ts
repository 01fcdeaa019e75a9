/** What runs on the gateway: devices → pipeline → outbox → SiteWise. */

export * from './commands.js';
export * from './component.js';
