import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

/** Prints Kafka's own table of errors in the columns of dump.cpp. */
public class ErrorTable {
  public static void main(String[] args) {
    for (Errors e : Errors.values()) {
      boolean retriable = e.exception() instanceof RetriableException;
      System.out.println(
          "#error\t" + e.code() + "\t" + e.name() + "\t" + (retriable ? "retriable" : "-"));
    }
  }
}
