"""Reads tables with pandas: the judge of the reader of recordings.

    pandas_read.py write FOLDER         one table in several shapes
    pandas_read.py read FILE OPTIONS    columns as JSON; OPTIONS: JSON for read_csv
    pandas_read.py time FILE OPTIONS    seconds that read_csv takes, C parser
"""
import json
import sys
import time

import pandas as pd


def table():
    times = pd.date_range("2026-10-14", periods=500, freq="37s", tz="UTC")
    n = range(500)
    return pd.DataFrame(
        {
            "time": times,
            "T": [20 + i / 7 for i in n],
            "flow": [None if i % 50 == 3 else 1e-5 * i * i for i in n],
            "on": [i % 3 == 0 for i in n],
        }
    )


def write(folder):
    df = table()
    naive = df.assign(time=df.time.dt.tz_localize(None))
    df.to_csv(f"{folder}/iso.csv", index=False)
    df.to_csv(f"{folder}/index.csv")
    naive.to_csv(f"{folder}/german.csv", index=False, sep=";", decimal=",", encoding="cp1252", date_format="%d.%m.%Y %H:%M:%S")
    naive.to_csv(f"{folder}/utf16.csv", index=False, sep="\t", encoding="utf-16", date_format="%Y-%m-%d %H:%M:%S.%f")
    df.assign(time=df.time.astype("int64")).to_csv(f"{folder}/ns.csv.gz", index=False, compression="gzip")
    df.to_parquet(f"{folder}/table.parquet", index=False)
    naive.to_excel(f"{folder}/table.xlsx", index=False)
    long = df.melt(id_vars="time", value_vars=["T", "flow"], var_name="tag", value_name="value")
    long.sort_values("time", kind="stable").dropna().to_csv(f"{folder}/long.csv", index=False)
    emit(df)


def emit(df):
    ns = pd.to_datetime(df["time"], utc=True).astype("datetime64[ns, UTC]").astype("int64")
    out = {"timeNs": [str(v) for v in ns]}
    for name in df.columns:
        if name != "time":
            out[name] = [None if pd.isna(v) else float(v) for v in df[name]]
    json.dump(out, sys.stdout)


command, path = sys.argv[1], sys.argv[2]
if command == "write":
    write(path)
elif command == "read":
    emit(pd.read_csv(path, **json.loads(sys.argv[3])))
else:
    began = time.perf_counter()
    pd.read_csv(path, engine="c", **json.loads(sys.argv[3]))
    print(time.perf_counter() - began)
