/** Seconds between two refreshes of a dashboard: each reads from SiteWise, which charges for it. */
export const REFRESH_S = 300;
/** Hours that a dashboard shows at first. */
export const WINDOW_H = 24;
/** Seconds of which the machine's streams show averages (the finest that SiteWise keeps). */
export const AVERAGE_S = 60;
