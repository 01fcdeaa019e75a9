/** IoT SiteWise as the rest of Twinloop uses it: samples by alias in and out, and assets by name. */
export * from './aggregates.js';
export * from './client.js';
export * from './discovery.js';
export * from './ensure-asset.js';
export * from './errors.js';
export * from './reader.js';
export * from './values.js';
export * from './writer.js';
