import datetime


def weekday(year, month, day):
    return datetime.date(year, month, day).strftime("%A")
