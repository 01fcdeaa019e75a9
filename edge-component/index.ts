/** What runs on the gateway: devices → pipeline → outbox → SiteWise. */

export * from './component.js';
